// A picture of the user's, from a file to pixels. Its size is read from its first bytes, before anything is decoded.

const MAX_FILE = 64 * 2 ** 20 // bytes
const MAX_PIXELS = 2 ** 25
const MAX_SIDE = 16384 // of a canvas, in every browser
const STRIPE = 2 ** 21 // pixels that are read at a time, so that the page stays alive

class PictureError extends Error {} // its message is a sentence for the user

// The pixels of `file`, `{width, height, data}` with four bytes a pixel, upright, white behind what is transparent.
async function readPicture(file) {
  if (!file.size) throw new PictureError('This file is empty.')
  if (file.size > MAX_FILE) throw new PictureError('This file has more than 64 MB.')
  const size = sizeOf(new DataView(await file.arrayBuffer()))
  if (!size) throw new PictureError('This is no PNG, JPEG, GIF, WebP or BMP picture.')
  checkSize(...size)
  const bitmap = await decode(file)
  checkSize(bitmap.width, bitmap.height)
  try {
    return await readPixels(bitmap)
  } finally {
    bitmap.close()
  }
}

function checkSize(width, height) {
  if (!width || !height) throw new PictureError('This picture has no pixels.')
  if (width * height > MAX_PIXELS || Math.max(width, height) > MAX_SIDE) {
    const sides = `${width.toLocaleString('en')} × ${height.toLocaleString('en')}`
    throw new PictureError(`This picture is too large: ${sides} pixels; at most 33 million, 16,384 a side.`)
  }
}

async function decode(file) {
  try {
    return await createImageBitmap(file, { colorSpaceConversion: 'none' }) // of an animation, the first frame
  } catch {
    throw new PictureError('This picture is damaged: the browser cannot decode it.')
  }
}

async function readPixels(bitmap) {
  const { width, height } = bitmap
  const data = new Uint8ClampedArray(4 * width * height)
  const rows = Math.max(1, Math.floor(STRIPE / width))
  for (let top = 0; top < height; top += rows) {
    const part = Math.min(rows, height - top)
    data.set(readStripe(bitmap, top, part), 4 * width * top)
    await new Promise(resolve => setTimeout(resolve))
  }
  return { width, height, data }
}

function readStripe(bitmap, top, rows) {
  const context = contextOf(bitmap.width, rows)
  context.fillStyle = 'white'
  context.fillRect(0, 0, bitmap.width, rows)
  context.drawImage(bitmap, 0, top, bitmap.width, rows, 0, 0, bitmap.width, rows)
  return context.getImageData(0, 0, bitmap.width, rows).data
}

function contextOf(width, height) {
  const canvas = document.createElement('canvas')
  Object.assign(canvas, { width, height })
  return canvas.getContext('2d', { willReadFrequently: true })
}

// Whether a canvas gives back what was put into it; protection against fingerprinting adds noise.
function readsBackExactly() {
  const context = contextOf(16, 16)
  const given = context.createImageData(16, 16)
  given.data.forEach((_, index) => { given.data[index] = index % 4 === 3 ? 255 : (index * 37) % 256 })
  context.putImageData(given, 0, 0)
  const found = context.getImageData(0, 0, 16, 16).data
  return found.every((value, index) => value === given.data[index])
}

// Width and height that the header of a picture states, or null where it is of no kind that is read here.
function sizeOf(view) {
  const readers = [sizeOfPng, sizeOfGif, sizeOfBmp, sizeOfWebp, sizeOfJpeg]
  try {
    return readers.reduce((found, read) => found || read(view), null)
  } catch (error) {
    if (error instanceof RangeError) return null // it ends too early
    throw error
  }
}

function startsWith(view, offset, text) {
  return Array.from(text).every((character, index) => view.getUint8(offset + index) === character.charCodeAt(0))
}

function sizeOfPng(view) {
  return startsWith(view, 0, '\x89PNG\r\n\x1a\n') ? [view.getUint32(16), view.getUint32(20)] : null
}

function sizeOfGif(view) {
  return startsWith(view, 0, 'GIF8') ? [view.getUint16(6, true), view.getUint16(8, true)] : null
}

function sizeOfBmp(view) {
  return startsWith(view, 0, 'BM') ? [view.getInt32(18, true), Math.abs(view.getInt32(22, true))] : null
}

function sizeOfWebp(view) { // https://developers.google.com/speed/webp/docs/riff_container
  if (!startsWith(view, 0, 'RIFF') || !startsWith(view, 8, 'WEBP')) return null
  if (startsWith(view, 12, 'VP8X')) return [24, 27].map(offset => 1 + (view.getUint32(offset, true) & 0xffffff))
  if (startsWith(view, 12, 'VP8L')) {
    const bits = view.getUint32(21, true)
    return [1 + (bits & 0x3fff), 1 + ((bits >>> 14) & 0x3fff)]
  }
  return [26, 28].map(offset => view.getUint16(offset, true) & 0x3fff)
}

function sizeOfJpeg(view) { // segment after segment, up to the first that starts a frame
  if (view.getUint16(0) !== 0xffd8) return null
  for (let offset = 2; ;) {
    if (view.getUint8(offset) !== 0xff) return null
    const kind = view.getUint8(offset + 1)
    const startsFrame = kind >= 0xc0 && kind <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(kind)
    if (startsFrame) return [view.getUint16(offset + 7), view.getUint16(offset + 5)]
    offset += kind === 0xff ? 1 : kind === 0x01 || (kind >= 0xd0 && kind <= 0xd8) ? 2 : 2 + view.getUint16(offset + 2)
  }
}
