// The drawing: light strokes on a dark square, kept as an array, since some browsers add noise to what a canvas gives back.

const pad = { size: 280, pixels: null, strokes: [], stroke: null, pen: { x: 140, y: 140, isDown: false, isShown: false } }
const STEP = 4 // pixels that an arrow key moves the pen
const FAR = 28

function connectDrawing() {
  const canvas = byId('pad')
  pad.pixels = new Uint8Array(pad.size ** 2)
  canvas.addEventListener('pointerdown', startStroke)
  canvas.addEventListener('pointermove', extendStroke)
  for (const name of ['pointerup', 'pointercancel']) canvas.addEventListener(name, endStroke)
  canvas.addEventListener('keydown', movePen)
  canvas.addEventListener('blur', paintPad)
  canvas.addEventListener('focus', () => {
    pad.pen.isShown = canvas.matches(':focus-visible')
    paintPad()
  })
  byId('undo').addEventListener('click', () => redraw(pad.strokes.slice(0, -1)))
  byId('clear').addEventListener('click', () => redraw([]))
  showValueOf(byId('pen'), ' px')
}

function startStroke(event) {
  event.preventDefault()
  byId('pad').focus({ focusVisible: false })
  pad.pen.isShown = false // the pointer itself is seen
  byId('pad').setPointerCapture(event.pointerId)
  beginStroke(...placeOf(event))
}

function extendStroke(event) {
  if (!pad.stroke || !byId('pad').hasPointerCapture(event.pointerId)) return
  const events = event.getCoalescedEvents?.() ?? []
  for (const each of events.length ? events : [event]) addPoint(...placeOf(each))
  showDrawing()
}

function endStroke() {
  if (!pad.pen.isDown) pad.stroke = null
}

function placeOf(event) {
  const box = byId('pad').getBoundingClientRect()
  const place = (at, start, length) => Math.floor((at - start) / length * pad.size)
  return [place(event.clientX, box.left, box.width), place(event.clientY, box.top, box.height)]
}

function beginStroke(x, y) {
  pad.stroke = { radius: Number(byId('pen').value) / 2, points: [] }
  pad.strokes.push(pad.stroke)
  addPoint(x, y)
  showDrawing()
}

function addPoint(x, y) {
  const { points, radius } = pad.stroke
  const [fromX, fromY] = points.at(-1) ?? [x, y]
  points.push([x, y])
  stampLine(fromX, fromY, x, y, radius)
}

function stampLine(fromX, fromY, toX, toY, radius) {
  const steps = Math.max(1, Math.ceil(Math.hypot(toX - fromX, toY - fromY) / Math.max(1, radius / 4)))
  for (let step = 0; step <= steps; step++) {
    stampDisc(Math.round(fromX + (toX - fromX) * step / steps), Math.round(fromY + (toY - fromY) * step / steps), radius)
  }
}

function stampDisc(x, y, radius) {
  const reach = Math.ceil(radius)
  for (let row = Math.max(0, y - reach); row <= Math.min(pad.size - 1, y + reach); row++) {
    for (let column = Math.max(0, x - reach); column <= Math.min(pad.size - 1, x + reach); column++) {
      if ((row - y) ** 2 + (column - x) ** 2 <= radius ** 2) pad.pixels[row * pad.size + column] = 255
    }
  }
}

function redraw(strokes) {
  Object.assign(pad, { strokes, stroke: null })
  pad.pen.isDown = false
  pad.pixels.fill(0)
  for (const { points, radius } of strokes) {
    points.forEach(([x, y], place) => stampLine(...(points[place - 1] ?? [x, y]), x, y, radius))
  }
  showDrawing()
}

// By keyboard

const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }

function movePen(event) {
  pad.pen.isShown = true
  if (event.key === ' ') togglePen()
  else if (event.key in ARROWS) shiftPen(...ARROWS[event.key], event.shiftKey ? FAR : STEP)
  else return
  event.preventDefault()
}

function togglePen() {
  const { pen } = pad
  pen.isDown = !pen.isDown
  if (pen.isDown) beginStroke(pen.x, pen.y)
  else endStroke()
  showDrawing()
  announce(pen.isDown ? 'Pen down' : 'Pen up')
}

function shiftPen(right, down, step) {
  const { pen } = pad
  const within = place => Math.min(pad.size - 1, Math.max(0, place))
  pen.x = within(pen.x + right * step)
  pen.y = within(pen.y + down * step)
  if (pen.isDown) addPoint(pen.x, pen.y)
  showDrawing()
}

let frame = 0
function showDrawing() { // at most once for each frame that the browser paints
  frame ||= requestAnimationFrame(drawNow)
}

function drawNow() {
  frame = 0
  paintPad()
  byId('undo').disabled = byId('clear').disabled = !pad.strokes.length
  const planes = Array.from({ length: model.channels }, () => pad.pixels)
  answerPicture({ width: pad.size, height: pad.size, planes }, DEFAULTS, 'Your drawing, cut out, fitted and centred.')
}

function paintPad() {
  const context = byId('pad').getContext('2d')
  const image = context.createImageData(pad.size, pad.size)
  const colours = new Uint32Array(image.data.buffer)
  pad.pixels.forEach((value, pixel) => { colours[pixel] = 0xff000000 + value * 0x010101 })
  context.putImageData(image, 0, 0)
  if (pad.pen.isShown && document.activeElement === byId('pad')) paintPen(context)
}

function paintPen(context) {
  const { x, y, isDown } = pad.pen
  context.fillStyle = `rgb(${isDown ? FOR : AGAINST})`
  context.fillRect(x - 1, y - 7, 3, 15)
  context.fillRect(x - 7, y - 1, 15, 3)
}
