// Two signs that an image is not like the training images: linear_classifier/evaluation/usual_inputs.py has the same.

const UNUSUAL = 99 // percent of the training images
const TOLERANCE = 5 // percent of the range of a pixel by which background may differ from it

function readUsualInputs(data) {
  return { ...data.usual, class_means: bytesOf(data.usual.class_means) }
}

// The signs of `pixels`, or null where nothing stands out from the background.
function measureSigns(model, usual, pixels) {
  const area = model.height * model.width
  const planes = Array.from({ length: model.channels }, (_, channel) => pixels.subarray(channel * area, (channel + 1) * area))
  const box = findBox({ width: model.width, height: model.height, planes }, usual.background, TOLERANCE)
  if (!box) return null
  const farther = fartherThan(usual, distanceToNearest(model, usual, pixels))
  return { farther, isFar: farther >= UNUSUAL, look: describeLook(usual, measureLook(model, usual, planes, box)) }
}

// Of what stands out from the background, in thousandths of the image: its longer side, how far its middle is from the
// image's, and its area; and how far the pixel that differs most is from the background.
function measureLook({ width, height }, usual, planes, { left, top, right, bottom }) {
  const parts = (value, whole) => quotient(1000 * value, whole)
  let [ink, contrast] = [0, 0]
  for (let pixel = 0; pixel < width * height; pixel++) {
    const differences = planes.map((plane, channel) => Math.abs(plane[pixel] - usual.background[channel]))
    contrast = Math.max(contrast, ...differences)
    if (differences.some(difference => standsOut(difference, 0, TOLERANCE))) ink++
  }
  return {
    extent: Math.max(parts(bottom - top, height), parts(right - left, width)),
    shift: Math.max(parts(Math.abs(top + bottom - height), height), parts(Math.abs(left + right - width), width)),
    area: parts(ink, width * height),
    contrast,
  }
}

// What is unusual about a look, in words; no word where nothing is.
function describeLook(usual, { extent, shift, area, contrast }) {
  const words = {
    small: extent < usual.extents[100 - UNUSUAL],
    'off-centre': shift > usual.shifts[UNUSUAL],
    filling: area > usual.areas[UNUSUAL],
    faint: 2 * contrast < usual.contrasts[100 - UNUSUAL],
  }
  return Object.keys(words).filter(word => words[word])
}

// The sum of the squared differences from the nearest of the classes' mean images.
function distanceToNearest(model, usual, pixels) {
  let nearest = Infinity
  for (let start = 0; start < usual.class_means.length; start += model.numPixels) {
    let distance = 0
    for (let pixel = 0; pixel < model.numPixels; pixel++) distance += (pixels[pixel] - usual.class_means[start + pixel]) ** 2
    nearest = Math.min(nearest, distance)
  }
  return nearest
}

// Than how many percent of the training images `distance` is farther, 0 to 100.
function fartherThan(usual, distance) {
  return Math.max(0, usual.distances.filter(each => each < distance).length - 1)
}
