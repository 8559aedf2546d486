// What a picture does when it is looked at: the moment under the pointer, and a fact's own moment.
// Without it everything is still there to read.

export const PICTURE_SCRIPT = `
'use strict'
const section = document.querySelector('.timeline')
if (section !== null) {
  const lanes = section.querySelector('.lanes')
  const track = section.querySelector('.overlay .track')
  const cursor = section.querySelector('.cursor')
  const label = cursor.querySelector('b')
  const from = Number(section.dataset.from)
  const span = Number(section.dataset.span)
  const show = (atMs) => {
    const share = (atMs - from) / span
    cursor.style.display = share < 0 || share > 1 ? 'none' : 'block'
    cursor.style.left = share * 100 + '%'
    label.textContent = (atMs / 1000).toFixed(1) + ' s'
  }
  const hide = () => { cursor.style.display = 'none' }
  lanes.addEventListener('pointermove', (event) => {
    const box = track.getBoundingClientRect()
    show(from + ((event.clientX - box.left) / box.width) * span)
  })
  lanes.addEventListener('pointerleave', hide)
  for (const item of document.querySelectorAll('li[data-at]')) {
    item.addEventListener('pointerenter', () => show(Number(item.dataset.at)))
    item.addEventListener('pointerleave', hide)
  }
}
`
