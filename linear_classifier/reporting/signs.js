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
  const parts = (value, side) => quotient(1000 * value, side)
  const extent = Math.max(parts(box.bottom - box.top, model.height), parts(box.right - box.left, model.width))
  const offCentre = (start, end, side) => parts(Math.abs(start + end - side), side)
  const shift = Math.max(offCentre(box.top, box.bottom, model.height), offCentre(box.left, box.right, model.width))
  const farther = fartherThan(usual, distanceToNearest(model, usual, pixels))
  return {
    farther,
    isFar: farther >= UNUSUAL,
    isSmall: extent < usual.extents[100 - UNUSUAL],
    isOffCentre: shift > usual.shifts[UNUSUAL],
  }
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
