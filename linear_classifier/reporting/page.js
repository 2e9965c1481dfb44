// The trial: an image comes from one of three sources, the model answers, and the page says what spoke for what.

const FIRST_ROWS = 10 // classes that are shown before "all"
const PAUSE = 500 // milliseconds without a change after which an answer is read out
const FOR = [63, 127, 224]
const AGAINST = [232, 134, 58]
const BLANK = 'Nothing to answer yet.'
const EMPTY = 'Nothing stands out from the background.'

const byId = id => document.getElementById(id)
const percent = share => `${(100 * share).toFixed(1)} %`

let data, model, usual, examples
let current = null // what is being answered: { pixels, inputs, logits, probabilities, order }

function start() {
  try {
    const text = byId('model-data').textContent
    data = JSON.parse(text)
    model = readModel(data)
    usual = readUsualInputs(data)
    examples = readExamples()
    sayWhetherSame(countSame(), isWhole(text))
  } catch {
    sayBroken('The model in this page is damaged. Nothing here is answered.')
  }
}

function readExamples() {
  const images = bytesOf(data.images)
  const logits = floatsOf(bytesOf(data.logits), Float64Array)
  const numClasses = model.classes.length
  return data.indices.map((index, place) => ({
    index,
    label: data.labels[place],
    predicted: data.predicted[place],
    pixels: images.subarray(place * model.numPixels, (place + 1) * model.numPixels),
    logits: logits.subarray(place * numClasses, (place + 1) * numClasses),
  }))
}

// The check of itself

function countSame() {
  return examples.filter(example => {
    const logits = computeLogits(model, lookUp(model, example.pixels))
    return logits.length === example.logits.length && logits.every((logit, label) => Object.is(logit, example.logits[label]))
  }).length
}

function isWhole(text) {
  return crc32([new TextEncoder().encode(text)]) === Number(byId('model-data').dataset.crc32)
}

function sayWhetherSame(same, whole) {
  const total = examples.length
  if (same < total) {
    sayBroken(`Do not trust this page: for ${same} of ${total} test images its numbers are the same bits as Python’s. Nothing here is answered.`)
  } else if (!whole) {
    sayBroken('Do not trust this page: the model in it is not the one it was made with. Nothing here is answered.')
  } else {
    byId('check').textContent = `✓ Checked itself: ${same} of ${total} test images give the same bits as in Python.`
    byId('check').hidden = false
    openTrial()
  }
}

function sayBroken(text) {
  const check = byId('check')
  check.setAttribute('role', 'alert')
  check.classList.add('failed')
  document.documentElement.classList.add('failed')
  byId('no-script').textContent = 'Nothing is answered here: the page is not as it was made, see above.'
  check.hidden = false
  check.textContent = text
}

// The sources

function openTrial() {
  byId('no-script').hidden = true
  byId('trial').hidden = false
  listExamples()
  connectDrawing()
  connectPicture()
  for (const radio of document.getElementsByName('source')) radio.addEventListener('change', () => choose(radio.value))
  byId('more').addEventListener('click', toggleRows)
  choose(document.querySelector('[name=source]:checked').value)
}

function choose(source) {
  for (const name of ['example', 'drawing', 'picture']) byId(`from-${name}`).hidden = name !== source
  document.querySelector(`[name=source][value=${source}]`).checked = true
  const show = { example: showExample, drawing: showDrawing, picture: showPicture }
  show[source]()
}

function listExamples() {
  const right = examples.filter(example => example.predicted === example.label)
  const wrong = examples.filter(example => example.predicted !== example.label)
  const labels = [...new Set(right.map(example => example.label))].sort((one, other) => one - other)
  const kinds = [
    ['A few of each class', right],
    ['Its surest mistakes', wrong],
    ...labels.map(label => [model.classes[label], right.filter(example => example.label === label)]),
  ].filter(([, members]) => members.length)
  byId('kind').append(...kinds.map(([name], place) => new Option(name, place)))
  byId('kind').addEventListener('change', () => {
    fillStrip(kinds[byId('kind').value][1])
    showExample()
  })
  fillStrip(kinds[0][1])
}

function fillStrip(members) {
  const legend = byId('examples').querySelector('legend')
  byId('examples').replaceChildren(legend, ...members.map(exampleChoice))
  byId('examples').querySelector('input').checked = true
}

function exampleChoice(example) {
  const choice = document.createElement('label')
  const radio = document.createElement('input')
  Object.assign(radio, { type: 'radio', name: 'example', value: examples.indexOf(example) })
  radio.setAttribute('aria-label', `${model.classes[example.label]}, test image ${example.index}`)
  radio.addEventListener('change', showExample)
  const canvas = document.createElement('canvas')
  Object.assign(canvas, { width: model.width, height: model.height })
  canvas.setAttribute('aria-hidden', 'true')
  paintImage(canvas, example.pixels)
  choice.append(radio, canvas)
  return choice
}

function showExample() {
  const example = examples[document.querySelector('[name=example]:checked').value]
  answer(example.pixels, `Test image ${example.index}, labelled ${model.classes[example.label]}.`)
}

// The answer

// Show what the model says of `pixels`, which `note` describes.
function answer(pixels, note) {
  const signs = measureSigns(model, usual, pixels)
  if (!signs) return sayNothing(EMPTY)
  showParts(true, note)
  const inputs = lookUp(model, pixels)
  const logits = computeLogits(model, inputs)
  current = { pixels, inputs, logits, probabilities: softmax(logits), order: rank(logits) }
  paintImage(byId('seen'), pixels)
  byId('seen').setAttribute('aria-label', `The ${model.width} by ${model.height} pixels that the model gets`)
  sayAnswer()
  fillBars()
  showEvidence()
  showSigns(signs)
}

function showParts(areShown, note) {
  for (const id of ['answer', 'evidence-part', 'signs-part']) byId(id).hidden = !areShown
  byId('seen-note').textContent = note
}

// Where there is nothing to answer, nothing is: not even on an empty drawing, of which a model is as sure as of any.
function sayNothing(note) {
  showParts(false, note)
  current = null
  const canvas = byId('seen')
  canvas.getContext('2d').clearRect(0, 0, canvas.width, canvas.height)
  canvas.setAttribute('aria-label', 'Nothing yet')
  byId('said').textContent = BLANK
  announce(BLANK)
}

function sayAnswer() {
  const { order, probabilities } = current
  const [first, second] = order
  byId('said').textContent = `${model.classes[first]}, ${percent(probabilities[first])} sure`
  announce(`${model.classes[first]}, ${percent(probabilities[first])}; then ${model.classes[second]}, ${percent(probabilities[second])}`)
}

let pause
function announce(text) { // once it stays: not at each point of a stroke
  clearTimeout(pause)
  pause = setTimeout(() => { byId('announced').textContent = text }, PAUSE)
}

function fillBars() {
  const isOpen = byId('more').getAttribute('aria-expanded') === 'true'
  const total = current.order.length
  byId('more').hidden = total <= FIRST_ROWS
  byId('more').textContent = isOpen ? `Only the first ${FIRST_ROWS}` : `All ${total.toLocaleString('en')} classes`
  byId('bars').replaceChildren(...current.order.slice(0, isOpen ? total : FIRST_ROWS).map(barRow))
}

function barRow(label, place) {
  const row = document.createElement('tr')
  row.className = ['first', 'second'][place] ?? ''
  const name = document.createElement('th')
  name.scope = 'row'
  name.append(isolated(model.classes[label]))
  const bar = document.createElement('div')
  bar.className = 'bar'
  bar.style.width = `${100 * current.probabilities[label]}%`
  const share = document.createElement('td')
  share.textContent = percent(current.probabilities[label])
  const cell = document.createElement('td')
  cell.append(bar)
  row.append(name, cell, share)
  return row
}

function isolated(text) {
  const element = document.createElement('bdi')
  element.textContent = text
  return element
}

function toggleRows() {
  const isOpen = byId('more').getAttribute('aria-expanded') === 'true'
  byId('more').setAttribute('aria-expanded', String(!isOpen))
  fillBars()
}

// What spoke for the answer, and what for the runner-up

function showEvidence() {
  const [first, second] = current.order
  const lead = computeLead(first, second)
  byId('name-first').textContent = model.classes[first]
  byId('name-second').textContent = model.classes[second]
  byId('evidence-note').textContent = describeLead(lead, model.bias[first] - model.bias[second])
  byId('evidence').setAttribute('aria-label', `Which pixels spoke for ${model.classes[first]} and which for ${model.classes[second]}`)
  paint(byId('evidence'), shadesOf(sumChannels(lead)))
}

// What each pixel adds to the lead of the class `first` over `second`.
function computeLead(first, second) {
  const against = computeContributions(model, current.inputs, second)
  return computeContributions(model, current.inputs, first).map((value, pixel) => value - against[pixel])
}

function describeLead(lead, bias) {
  const [first, second] = [1, -1].map(sign => sum(lead.map(value => Math.max(0, sign * value))))
  const oneDigit = value => (Math.round(10 * value) / 10 + 0).toFixed(1) // there is no minus zero
  return `Pixels for it add ${oneDigit(first)} to its lead, those against it take ${oneDigit(second)}, and ` +
    `what it starts with makes ${oneDigit(bias)}: a lead of ${oneDigit(first - second + bias)}.`
}

function sumChannels(values) {
  const area = model.width * model.height
  return Float64Array.from({ length: area }, (_, pixel) => {
    let sum = 0
    for (let channel = 0; channel < model.channels; channel++) sum += values[channel * area + pixel]
    return sum
  })
}

function shadesOf(values) {
  const sizes = values.map(Math.abs).sort()
  const full = Math.max(1e-12, sizes[Math.floor(0.98 * (sizes.length - 1))]) // a few pixels may stand out far
  return (pixel, part) => {
    const strength = Math.min(1, Math.abs(values[pixel]) / full)
    return Math.round((values[pixel] > 0 ? FOR : AGAINST)[part] * strength)
  }
}

// Pictures on canvases

function paintImage(canvas, pixels) {
  const area = model.width * model.height
  const offsets = model.channels === 3 ? [0, area, 2 * area] : [0, 0, 0]
  paint(canvas, (pixel, part) => pixels[offsets[part] + pixel])
}

// Paint `canvas`: `valueOf(pixel, part)` is the red, green or blue part of a pixel.
function paint(canvas, valueOf) {
  const context = canvas.getContext('2d')
  const image = context.createImageData(canvas.width, canvas.height)
  for (let pixel = 0, at = 0; pixel < canvas.width * canvas.height; pixel++, at += 4) {
    for (let part = 0; part < 3; part++) image.data[at + part] = valueOf(pixel, part)
    image.data[at + 3] = 255
  }
  context.putImageData(image, 0, 0)
}

// A picture or drawing, `source`, brought to what the model takes, and answered; gives what `fitPicture` does.
function answerPicture(source, options, note) {
  const found = fitPicture(model, usual, source, options)
  if (found.pixels) answer(found.pixels, note)
  else sayNothing(EMPTY)
  return found
}

// Is it unusual?

const LOOKS = {
  small: 'is smaller',
  'off-centre': 'is farther from the middle',
  filling: 'covers more of the image',
  faint: 'is much fainter',
}

function showSigns(signs) {
  const isUnusual = signs.isFar || signs.look.length > 0
  byId('signs').classList.toggle('unusual', isUnusual)
  byId('signs-title').textContent = isUnusual ? 'It is unusual' : 'Nothing unusual'
  const distance = `It is farther from the nearest class’s mean image than ${signs.farther} % of the training images.`
  byId('sign-distance').replaceChildren(...flagged(signs.isFar, distance))
  byId('sign-place').replaceChildren(...flagged(signs.look.length, sayLook(signs.look)))
}

function sayLook(look) {
  if (!look.length) return 'The size, position and contrast of what it shows are as in the training images.'
  return `What it shows ${look.map(word => LOOKS[word]).join(' and ')} than in nearly all training images.`
}

function flagged(isFlagged, text) {
  if (!isFlagged) return [text]
  const flag = document.createElement('span')
  flag.className = 'flag'
  flag.textContent = 'Unusual: '
  return [flag, text]
}

start()
