// A picture of the user's: chosen, dropped or pasted. Which part of it is used, and how, is in the user's hands.

const SIDES = ['left', 'right', 'top', 'bottom']
const PREVIEW = 480 // pixels of the longer side

let photo = null // { width, height, data } of the picture, and `planes`, what the model can use of it
let numPictures = 0 // that were begun: only the last one is shown, whichever is decoded last

function connectPicture() {
  byId('file').addEventListener('change', () => takeFiles(byId('file').files))
  document.addEventListener('paste', event => takeFiles(event.clipboardData.files))
  connectDrop(byId('drop'))
  for (const side of SIDES) showValueOf(byId(`cut-${side}`), ' %')
  showValueOf(byId('tolerance'), ' %')
  byId('picture-controls').addEventListener('input', showPicture)
  byId('reset').addEventListener('click', resetPicture)
}

function connectDrop(area) {
  const mark = isOver => event => {
    event.preventDefault()
    area.classList.toggle('over', isOver)
  }
  area.addEventListener('dragover', mark(true))
  area.addEventListener('dragleave', mark(false))
  area.addEventListener('drop', mark(false))
  document.addEventListener('dragover', event => event.preventDefault())
  document.addEventListener('drop', event => { // anywhere: else the browser would leave this page for the picture
    event.preventDefault()
    takeFiles(event.dataTransfer.files)
  })
}

// Keep the text beside a slider as its value is.
function showValueOf(slider, unit) {
  const show = () => {
    slider.parentElement.querySelector('output').textContent = slider.value + unit
    slider.setAttribute('aria-valuetext', slider.value + unit)
  }
  slider.addEventListener('input', show)
  show()
}

async function takeFiles([file]) {
  if (!file) return
  byId('file').value = '' // else to choose the same file again would be no change
  const number = ++numPictures
  choose('picture')
  byId('from-picture').setAttribute('aria-busy', 'true')
  byId('picture-problem').textContent = ''
  const picture = await readPicture(file).catch(error => error)
  if (number !== numPictures) return
  if (picture instanceof Error) refusePicture(picture)
  else takePicture(picture)
  byId('from-picture').setAttribute('aria-busy', 'false')
}

function takePicture(picture) {
  photo = { ...picture, planes: planesOf(model.channels, picture) }
  const scale = PREVIEW / Math.max(photo.width, photo.height)
  const [width, height] = [photo.width, photo.height].map(side => Math.max(1, Math.round(side * scale)))
  Object.assign(byId('photo'), { width, height })
  photo.preview = shrink(photo, width, height)
  resetPicture()
}

function refusePicture(error) {
  photo = null
  byId('picture-problem').textContent = error instanceof PictureError ? error.message : `This picture cannot be used: ${error.message}`
  showPicture()
}

function resetPicture() {
  for (const side of SIDES) setSlider(`cut-${side}`, 0)
  setSlider('tolerance', DEFAULTS.tolerance)
  document.querySelector(`[name=invert][value=${DEFAULTS.invert}]`).checked = true
  showPicture()
}

function setSlider(id, value) {
  byId(id).value = value
  byId(id).dispatchEvent(new Event('input'))
}

function pictureOptions() {
  return {
    cut: Object.fromEntries(SIDES.map(side => [side, Number(byId(`cut-${side}`).value)])),
    tolerance: Number(byId('tolerance').value),
    invert: document.querySelector('[name=invert]:checked').value,
  }
}

function showPicture() {
  byId('picture-controls').hidden = !photo
  if (!photo) return sayNothing('No picture yet.')
  const found = answerPicture(photo, pictureOptions(), notePicture())
  paintPhoto(found.box)
}

function notePicture() {
  return readsBackExactly() ? 'Your picture, cut out, fitted and centred.' :
    'Your picture, cut out, fitted and centred. This browser adds noise to pictures, so that the answer is approximate.'
}

// The picture, small, with a frame around the part that is used.
function paintPhoto(box) {
  const canvas = byId('photo')
  const context = canvas.getContext('2d')
  context.putImageData(photo.preview, 0, 0)
  if (!box) return
  const scale = canvas.width / photo.width
  const frame = [box.left, box.top, box.right - box.left, box.bottom - box.top].map(side => side * scale)
  for (const [colour, width] of [['#000', 4], ['#fff', 2]]) {
    context.strokeStyle = colour
    context.lineWidth = width
    context.strokeRect(...frame)
  }
}

function shrink(picture, width, height) {
  const small = new ImageData(width, height)
  for (let row = 0; row < height; row++) {
    for (let column = 0; column < width; column++) {
      const x = Math.floor((column + 0.5) * picture.width / width)
      const y = Math.floor((row + 0.5) * picture.height / height)
      const from = 4 * (y * picture.width + x)
      small.data.set(picture.data.subarray(from, from + 4), 4 * (row * width + column))
    }
  }
  return small
}
