'use strict'

// The model's arithmetic, the very same bits as in Python: linear_classifier/model/exact.py says why each step is so.

const LOG2_E = 1.4426950408889634
const LN2_HIGH = 6.93147180369123816490e-1
const LN2_LOW = 1.90821492927058770002e-10
const SMALLEST = -700
const TAYLOR = inverseFactorials(13, 2)

function inverseFactorials(first, last) {
  const factorials = [1]
  for (let power = 1; power <= first; power++) factorials.push(factorials[power - 1] * power)
  return factorials.slice(last).reverse().map(factorial => 1 / factorial)
}

// e to the power of `value`, which is at most 0. Math.exp differs between browsers.
function exp(value) {
  if (value < SMALLEST) return 0
  const k = Math.floor(value * LOG2_E + 0.5)
  const r = (value - k * LN2_HIGH) - k * LN2_LOW
  let result = 0
  for (const coefficient of TAYLOR) result = result * r + coefficient
  return (1 + (r + r * r * result)) * powerOfTwo(k)
}

// 2 to the power of `k`, from -1022 to 1023, put together from its bits.
function powerOfTwo(k) {
  const view = new DataView(new ArrayBuffer(8))
  view.setUint32(0, (k + 1023) << 20)
  return view.getFloat64(0)
}

function bytesOf(base64) {
  const text = atob(base64)
  const bytes = new Uint8Array(text.length)
  for (let index = 0; index < text.length; index++) bytes[index] = text.charCodeAt(index)
  return bytes
}

function floatsOf(bytes, Kind) { // little-endian, whatever this machine is
  const view = new DataView(bytes.buffer)
  const width = Kind.BYTES_PER_ELEMENT
  const read = width === 4 ? offset => view.getFloat32(offset, true) : offset => view.getFloat64(offset, true)
  return Kind.from({ length: bytes.length / width }, (_, index) => read(index * width))
}

// The model of the page's data: what the file models/model.pkl holds.
function readModel(data) {
  const [channels, height, width] = data.image_shape
  return {
    channels, height, width,
    numPixels: channels * height * width,
    classes: data.class_names,
    table: floatsOf(bytesOf(data.pixel_table), Float32Array),
    weight: floatsOf(bytesOf(data.weight), Float32Array),
    bias: floatsOf(bytesOf(data.bias), Float32Array),
  }
}

// What the table makes of `pixels`, uint8 channel after channel, row by row.
function lookUp(model, pixels) {
  const area = model.height * model.width
  const inputs = new Float64Array(pixels.length)
  pixels.forEach((value, index) => { inputs[index] = model.table[256 * Math.floor(index / area) + value] })
  return inputs
}

// The bias, then pixel after pixel in the order of their indices, each rounded.
function computeLogits(model, inputs) {
  return Float64Array.from(model.bias, (bias, label) => {
    const start = label * model.numPixels
    let sum = bias
    for (let pixel = 0; pixel < model.numPixels; pixel++) sum += model.weight[start + pixel] * inputs[pixel]
    return sum
  })
}

// What each pixel adds to the logit of class `label`.
function computeContributions(model, inputs, label) {
  const start = label * model.numPixels
  return inputs.map((input, pixel) => model.weight[start + pixel] * input)
}

function softmax(logits) {
  const largest = logits.reduce((one, other) => Math.max(one, other))
  const exps = logits.map(logit => exp(logit - largest))
  const total = exps.reduce((sum, value) => sum + value)
  return exps.map(value => value / total)
}

// The classes by logit, the likeliest first; of equals the first.
function rank(logits) {
  return Array.from(logits.keys()).sort((one, other) => logits[other] - logits[one] || one - other)
}

// The CRC-32 of `arrays` of bytes, one after the other, as zlib computes it.
function crc32(arrays) {
  let crc = ~0
  for (const bytes of arrays) {
    bytes.forEach(byte => { crc = CRC_TABLE[(crc ^ byte) & 255] ^ (crc >>> 8) })
  }
  return ~crc >>> 0
}

const CRC_TABLE = Int32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte
  for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? 0xedb88320 ^ (crc >>> 1) : crc >>> 1
  return crc
})
