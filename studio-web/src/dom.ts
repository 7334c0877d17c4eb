// Elements from data: text is always text, so that no name of a user's becomes markup.

export type Child = Node | string | number | null | undefined | false | Child[]
type Props = Record<string, unknown>

/** An element; on… are listeners, class and data-/aria-/role are attributes, everything else is set as a property. */
export function h<K extends keyof HTMLElementTagNameMap>(tag: K, props: Props = {}, ...children: Child[]): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag)
  for (const [name, value] of Object.entries(props)) {
    if (value === undefined || value === null || value === false) continue
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value as EventListener)
    else if (name === "class" || name === "for" || name === "role" || name === "list" || name.includes("-")) element.setAttribute(name, String(value))
    else (element as unknown as Props)[name] = value
  }
  fill(element, ...children)
  return element
}

/** Put children into an element, after what is there. */
export function fill(element: Element, ...children: Child[]): void {
  for (const child of children.flat(9) as Child[]) {
    if (child === null || child === undefined || child === false) continue
    element.append(child instanceof Node ? child : String(child))
  }
}

/** Put children into an element, in place of what is there. */
export function replace(element: Element, ...children: Child[]): void {
  element.replaceChildren()
  fill(element, ...children)
}

const SVG = "http://www.w3.org/2000/svg"

/** An SVG element. */
export function s(tag: string, attributes: Record<string, string | number>, ...children: Node[]): SVGElement {
  const element = document.createElementNS(SVG, tag)
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, String(value))
  element.append(...children)
  return element
}

const ICONS: Record<string, string> = {
  play: "M8 5v14l11-7z",
  pause: "M7 5h4v14H7zM13 5h4v14h-4z",
  upload: "M12 16V5m0 0L7 10m5-5 5 5M5 19h14",
  camera: "M4 8h3l2-3h6l2 3h3v11H4zM12 16.500a3.500 3.500 0 1 0 0-7 3.500 3.500 0 0 0 0 7z",
  mic: "M12 15a3 3 0 0 0 3-3V6a3 3 0 0 0-6 0v6a3 3 0 0 0 3 3zM5 11.500a7 7 0 0 0 14 0M12 18.500V22",
  stop: "M6 6h12v12H6z",
  check: "M5 12.500l4.500 4.500L19 7.500",
  warn: "M12 4 2.500 20h19zM12 10v4.500m0 2.300v.4",
  close: "M6 6l12 12M18 6 6 18",
  download: "M12 4v11m0 0-5-5m5 5 5-5M5 20h14",
  trash: "M5 7h14M10 7V4h4v3M7 7l1 13h8l1-13",
  sun: "M12 16.500a4.500 4.500 0 1 0 0-9 4.500 4.500 0 0 0 0 9zM12 2v2m0 16v2M2 12h2m16 0h2M5 5l1.400 1.400m11.200 11.200L19 19M19 5l-1.400 1.400M6.400 17.600 5 19",
  moon: "M20 14.500A8.500 8.500 0 0 1 9.500 4a8.500 8.500 0 1 0 10.500 10.500z",
  shield: "M12 3l8 3v6c0 5-3.500 8-8 9.500C7.500 20 4 17 4 12V6zM8.500 12l2.500 2.500 4.500-5",
  person: "M12 12a4 4 0 1 0 0-8 4 4 0 0 0 0 8zM4.500 20.500c.8-4 3.800-6 7.500-6s6.700 2 7.500 6",
  wave: "M3 12h1.500M7 8v8M11 4v16M15 7v10M19 10v4M21 12h.5",
  reset: "M5 5v5h5M5.500 10A7.500 7.500 0 1 1 5 14.500",
  compare: "M4 5h7v14H4zM13 5h7v14h-7z",
  chart: "M4 4v16h16M8 15l3.500-5 3 3L20 7",
  face: "M4 8V4h4M16 4h4v4M20 16v4h-4M8 20H4v-4M9 10v.5M15 10v.5M8.500 15c1 1 2.200 1.500 3.500 1.500s2.500-.5 3.500-1.500",
  search: "M11 18a7 7 0 1 0 0-14 7 7 0 0 0 0 14zM16 16l5 5",
  back: "M14 5l-7 7 7 7",
  text: "M4 5h16v14H4zM7.500 11h9M7.500 15h5",
  spark: "M12 3l1.800 5.700L19.500 10.500l-5.700 1.800L12 18l-1.800-5.700L4.500 10.500l5.700-1.800zM19 16v4m-2-2h4",
}

/** A picture of 24 px that says nothing to screen readers. */
export function icon(name: keyof typeof ICONS & string): SVGElement {
  const solid = ["play", "pause", "stop"].includes(name)
  return s("svg", { viewBox: "0 0 24 24", class: solid ? "icon solid" : "icon", "aria-hidden": "true" }, s("path", { d: ICONS[name] ?? "" }))
}

/** A button; without a visible text its label is for screen readers and the mouse. */
export function button(text: string, onclick: (event: MouseEvent) => void, options: { icon?: string; kind?: string; bare?: boolean; disabled?: boolean; id?: string } = {}): HTMLButtonElement {
  const kind = ["button", options.kind ?? "", options.bare ? "bare" : ""].join(" ").trim()
  const props: Props = { type: "button", class: kind, onclick, disabled: options.disabled, id: options.id }
  if (options.bare) Object.assign(props, { "aria-label": text, title: text })
  return h("button", props, options.icon ? icon(options.icon) : null, options.bare ? null : h("span", {}, text))
}

/** Something for screen readers, once. */
export function announce(text: string): void {
  let region = document.getElementById("announcer")
  if (!region) {
    region = h("div", { id: "announcer", class: "unseen", role: "status", "aria-live": "polite" })
    document.body.append(region)
  }
  region.textContent = text
}

/** A short message at the foot of the page. */
export function toast(text: string, kind: "info" | "error" = "info"): void {
  let shelf = document.getElementById("toasts")
  if (!shelf) document.body.append((shelf = h("div", { id: "toasts" })))
  const close = button("×", () => item.remove(), { bare: true, icon: "close" })
  const item = h("div", { class: `toast ${kind}`, role: kind === "error" ? "alert" : "status" }, h("p", {}, text), close)
  shelf.append(item)
  setTimeout(() => item.remove(), kind === "error" ? 12000 : 5000)
}

let counter = 0

/** An id that no other element has. */
export const unique = (prefix: string): string => `${prefix}-${++counter}`
