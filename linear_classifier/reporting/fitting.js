// A picture of any size to the image that the model takes. All of it is integer arithmetic, so that it is the same in
// each browser and in Python: linear_classifier/prediction/fitting.py says why each step is so.

const DEFAULTS = { cut: { left: 0, right: 0, top: 0, bottom: 0 }, tolerance: 5, invert: 'auto' }

const quotient = (dividend, divisor) => Math.floor(dividend / divisor) // exact: both are whole and below 2^53
const rounded = (dividend, divisor) => quotient(2 * dividend + divisor, 2 * divisor)
const sum = values => values.reduce((total, value) => total + value, 0)

// Grey, or red, green and blue, of `picture`, which has four bytes a pixel.
function planesOf(channels, { width, height, data }) {
  const planes = Array.from({ length: channels }, () => new Uint8Array(width * height))
  for (let pixel = 0, at = 0; pixel < width * height; pixel++, at += 4) {
    if (channels === 1) planes[0][pixel] = (data[at] * 19595 + data[at + 1] * 38470 + data[at + 2] * 7471 + 0x8000) >> 16
    else for (let channel = 0; channel < channels; channel++) planes[channel][pixel] = data[at + channel]
  }
  return planes
}

// The image that the model gets of `source`, `{ width, height, planes }`, and the part of it that was used: its `box`.
// Where nothing stands out from the background, there is no image.
function fitPicture(model, usual, source, options) {
  const part = shrinkPart(source, cutOut(source, options.cut), 8 * Math.max(model.height, model.width))
  if (!part) return { pixels: null, box: null }
  const background = part.planes.map(plane => medianOfBorder(plane, part.width, part.height))
  const ink = findBox(part, background, options.tolerance)
  if (!ink) return { pixels: null, box: null }
  const box = usual.is_plain ? ink : { left: 0, top: 0, right: part.width, bottom: part.height }
  const tables = levelTables(usual, background, options)
  const around = usual.is_plain ? usual.background : background.map((value, channel) => tables[channel][value])
  const [height, width] = fitSides(model, usual, box.bottom - box.top, box.right - box.left)
  const averages = part.planes.map((plane, channel) => averageArea(plane, part.width, box, tables[channel], height, width))
  return { pixels: placeInMiddle(model, averages, height, width, around), box: part.toSource(box) }
}

function cutOut({ width, height }, cut) {
  const left = quotient(width * cut.left, 100)
  const top = quotient(height * cut.top, 100)
  return { left, top, right: width - quotient(width * cut.right, 100), bottom: height - quotient(height * cut.bottom, 100) }
}

// The part `box` of `source` in means of square blocks, so many pixels that its longer side has fewer than 2 * `limit`.
function shrinkPart(source, box, limit) {
  const [fullWidth, fullHeight] = [box.right - box.left, box.bottom - box.top]
  if (fullWidth <= 0 || fullHeight <= 0) return null
  const side = Math.max(1, quotient(Math.max(fullWidth, fullHeight), limit))
  const [across, down] = [Math.min(side, fullWidth), Math.min(side, fullHeight)]
  const [width, height] = [quotient(fullWidth, across), quotient(fullHeight, down)]
  const planes = source.planes.map(plane => blockMeans(plane, source.width, box, { width, height, across, down }))
  const toSource = inner => ({
    left: box.left + inner.left * across,
    top: box.top + inner.top * down,
    right: box.left + inner.right * across,
    bottom: box.top + inner.bottom * down,
  })
  return { width, height, planes, toSource }
}

function blockMeans(plane, stride, { left, top }, { width, height, across, down }) {
  const means = new Uint8Array(width * height)
  const area = across * down
  for (let row = 0; row < height; row++) {
    const sums = new Float64Array(width)
    for (let y = top + row * down; y < top + (row + 1) * down; y++) {
      for (let x = 0; x < width * across; x++) sums[quotient(x, across)] += plane[y * stride + left + x]
    }
    for (let column = 0; column < width; column++) {
      means[row * width + column] = quotient(sums[column] + quotient(area, 2), area)
    }
  }
  return means
}

function medianOfBorder(plane, width, height) {
  const isBorder = (_, pixel) => pixel < width || pixel >= width * (height - 1) || pixel % width === 0 || pixel % width === width - 1
  const border = plane.filter(isBorder).sort()
  return border[quotient(border.length - 1, 2)]
}

// The smallest box that holds all pixels that differ from the background, or null; right and bottom are exclusive.
function findBox({ width, height, planes }, background, tolerance) {
  let [left, top, right, bottom] = [width, height, 0, 0]
  for (let pixel = 0; pixel < width * height; pixel++) {
    if (planes.some((plane, channel) => standsOut(plane[pixel], background[channel], tolerance))) {
      const [row, column] = [quotient(pixel, width), pixel % width]
      left = Math.min(left, column)
      right = Math.max(right, column + 1)
      top = Math.min(top, row)
      bottom = row + 1
    }
  }
  return right ? { left, top, right, bottom } : null
}

function standsOut(value, background, tolerance) {
  return 100 * Math.abs(value - background) > 255 * tolerance
}

// For each plane a table: what each of its 256 values becomes. Its background becomes that of the training images.
function levelTables(usual, background, { tolerance, invert }) {
  const isInverted = invert === 'yes' || (invert === 'auto' && usual.is_plain && isCloserInverted(usual, background))
  return background.map((own, channel) => Uint8Array.from({ length: 256 }, (_, value) => {
    const [from, at] = isInverted ? [255 - own, 255 - value] : [own, value]
    return usual.is_plain ? level(at, from, usual.background[channel], tolerance) : at
  }))
}

function isCloserInverted(usual, background) {
  const distance = values => sum(values.map((value, channel) => Math.abs(value - usual.background[channel])))
  return distance(background) > distance(background.map(value => 255 - value))
}

function level(value, from, to, tolerance) {
  if (!standsOut(value, from, tolerance)) return to
  if (value <= from) return quotient(2 * value * to + from, 2 * from)
  return 255 - quotient(2 * (255 - value) * (255 - to) + (255 - from), 2 * (255 - from))
}

// The planes `averages` of `height` x `width` pixels in the middle of an image that is else `around`.
function placeInMiddle(model, averages, height, width, around) {
  const top = quotient(model.height - height, 2)
  const left = quotient(model.width - width, 2)
  const pixels = new Uint8Array(model.numPixels)
  averages.forEach((plane, channel) => {
    const start = channel * model.height * model.width
    pixels.fill(around[channel], start, start + model.height * model.width)
    for (let row = 0; row < height; row++) {
      pixels.set(plane.subarray(row * width, (row + 1) * width), start + (top + row) * model.width + left)
    }
  })
  return pixels
}

// The sides, `[height, width]`, of a box of `height` x `width` brought to the size that things have in training images.
function fitSides(model, usual, height, width) {
  const [roomHeight, roomWidth] = [model.height, model.width].map(side => Math.max(1, quotient(side * usual.extents[50], 1000)))
  if (width * roomHeight >= height * roomWidth) {
    return [Math.min(roomHeight, Math.max(1, rounded(height * roomWidth, width))), roomWidth]
  }
  return [roomHeight, Math.min(roomWidth, Math.max(1, rounded(width * roomHeight, height)))]
}

// The means over the areas that `height` x `width` pixels have in `box`: first along the rows, then down the columns.
function averageArea(plane, stride, box, table, height, width) {
  const across = overlaps(box.right - box.left, width)
  const down = overlaps(box.bottom - box.top, height)
  const area = (box.bottom - box.top) * (box.right - box.left)
  const rows = []
  for (let y = box.top; y < box.bottom; y++) {
    const start = y * stride + box.left
    rows.push(across.map(({ first, weights }) => weigh(weights, place => table[plane[start + first + place]])))
  }
  const means = new Uint8Array(height * width)
  down.forEach(({ first, weights }, row) => {
    for (let column = 0; column < width; column++) {
      const total = weigh(weights, place => rows[first + place][column])
      means[row * width + column] = quotient(total + quotient(area, 2), area)
    }
  })
  return means
}

function weigh(weights, valueAt) {
  let total = 0
  for (let place = 0; place < weights.length; place++) total += weights[place] * valueAt(place)
  return total
}

// For each of `to` pixels the `first` of `from` pixels that it lies over, and how much of that and the next ones, in
// units of 1 / to.
function overlaps(from, to) {
  return Array.from({ length: to }, (_, place) => {
    const [start, end] = [place * from, (place + 1) * from]
    const first = quotient(start, to)
    const weights = []
    for (let pixel = first; pixel * to < end; pixel++) {
      weights.push(Math.min((pixel + 1) * to, end) - Math.max(pixel * to, start))
    }
    return { first, weights }
  })
}
