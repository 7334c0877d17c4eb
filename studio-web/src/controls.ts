// Controls of the table of settings: one for each entry, whatever the table holds.
import { type Setting, type Value } from "./api"
import { button, h, replace, unique } from "./dom"
import { number, t, told } from "./i18n"
import { base, draft, page, set, value } from "./state"

const PHASES = ["frame", "drive", "time", "mark", "encode", "speech", "load"]

/** Whether it is one of the few that people move first: how much, and in which manner, something moves. */
const isMain = (entry: Setting): boolean => entry.phase === "drive" && entry.engine !== "svd" && (entry.name.endsWith("_scale") || (entry.choices.length > 0 && entry.name !== "engine"))

const heeded = (entry: Setting, engine: string): boolean => !entry.engine || entry.engine === engine

/** The first few, as sliders. */
export function mainControls(engine: string): HTMLElement[] {
  return page.catalogue.settings.filter((each) => isMain(each) && heeded(each, engine)).map(control)
}

/** All others, by the step that they belong to. */
export function otherControls(engine: string): HTMLElement[] {
  const others = page.catalogue.settings.filter((each) => !isMain(each) && each.name !== "framing" && each.name !== "face")
  const groups = PHASES.map((phase) => [told(`phase_${phase}`, phase), others.filter((each) => each.phase === phase && !each.engine)] as const)
  const own = others.filter((each) => each.engine && each.engine === engine)
  const all = [...groups, [t("only_engine", { engine }), own] as const]
  return all.filter(([, entries]) => entries.length).map(([title, entries]) => h("section", { class: "group" }, h("h4", {}, title), entries.map(control)))
}

/** One control; it follows the draft by itself. */
export function control(entry: Setting): HTMLElement {
  const id = unique(entry.name)
  const box = h("div", { class: "control", "data-setting": entry.name })
  const warning = h("p", { class: "beyond", role: "status" })
  const input = entry.choices.length || entry.name === "engine" ? choice(entry, id) : entry.kind === "text" ? words(entry, id) : entry.unset ? free(entry, id) : slider(entry, id)
  const back = button(t("reset"), () => { set(entry, base(entry)); refresh() }, { icon: "reset", bare: true, kind: "tiny" })
  const shown = h("output", { class: "number", for: id })
  const refresh = () => {
    const now = value(entry)
    input.show(now)
    shown.textContent = entry.kind === "number" && now !== null && !entry.unset ? `${number(Number(now))}${entry.unit ? ` ${entry.unit}` : ""}` : ""
    back.hidden = !(entry.name in draft.settings)
    const outside = entry.recommended && now !== null && (Number(now) < entry.recommended[0] || Number(now) > entry.recommended[1])
    warning.textContent = outside ? entry.outside : ""
  }
  input.element.addEventListener("input", () => refresh())
  input.element.addEventListener("change", () => refresh())
  const advice = entry.recommended ? t("recommended", { low: entry.recommended[0], high: entry.recommended[1] }) : ""
  replace(box, h("div", { class: "row spread" }, h("label", { for: id }, entry.label), h("span", { class: "row" }, shown, back)), input.element, h("small", { id: `${id}-hint` }, entry.help, advice ? h("span", { class: "advice" }, ` ${advice}`) : null), warning)
  refresh()
  return box
}

interface Input { element: HTMLElement; show: (value: Value) => void }

function slider(entry: Setting, id: string): Input {
  const [low, high] = [entry.low ?? 0, entry.high ?? 1]
  if ((high - low) / (entry.step ?? 1) > 2000) return free(entry, id)
  const input = h("input", { type: "range", id, min: String(low), max: String(high), step: String(entry.step ?? "any"), "aria-describedby": `${id}-hint`, oninput: () => set(entry, Number(input.value)) })
  if (entry.recommended) {
    const at = (edge: number) => `${(100 * (edge - low)) / (high - low)}%`
    input.style.setProperty("--from", at(entry.recommended[0]))
    input.style.setProperty("--to", at(entry.recommended[1]))
    input.classList.add("advised")
  }
  return { element: input, show: (now) => { input.value = String(now); input.style.setProperty("--at", `${(100 * (Number(now) - low)) / (high - low)}%`) } }
}

/** A number that may be left to Sonic, or that has too many values for a slider. */
function free(entry: Setting, id: string): Input {
  const input = h("input", {
    type: "number", id, min: String(entry.low ?? ""), max: String(entry.high ?? ""), step: entry.whole ? "1" : "any", placeholder: entry.unset ? t("unset", { what: entry.unset }) : "", "aria-describedby": `${id}-hint`, inputMode: "decimal",
    onchange: () => { if (input.checkValidity()) set(entry, input.value === "" ? (entry.unset ? null : entry.default) : Number(input.value)); else input.reportValidity() },
  })
  return { element: input, show: (now) => { if (document.activeElement !== input) input.value = now === null ? "" : String(now) } }
}

function words(entry: Setting, id: string): Input {
  const input = h("input", { type: "text", id, maxLength: 100, placeholder: entry.unset ? t("unset", { what: entry.unset }) : "", "aria-describedby": `${id}-hint`, onchange: () => set(entry, input.value.trim() || (entry.unset ? null : entry.default)) })
  return { element: input, show: (now) => { if (document.activeElement !== input) input.value = String(now ?? "") } }
}

function choice(entry: Setting, id: string): Input {
  const options = entry.name === "engine" ? page.catalogue.engines : entry.choices
  const input = h("select", { id, "aria-describedby": `${id}-hint`, onchange: () => set(entry, input.value) }, options.map((each) => h("option", { value: each }, each)))
  return { element: input, show: (now) => (input.value = String(now)) }
}
