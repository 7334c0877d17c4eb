// Sonic Studio: the frame around the views, the language, the theme, the token.
import { call, Failure, get, listenAnew, onJob, post, type Catalogue, type Session } from "./api"
import { button, h, icon, replace, toast } from "./dom"
import { failureText } from "./common"
import { createView } from "./create"
import { language, setLanguage, t } from "./i18n"
import { jobView } from "./job"
import { jobsView } from "./jobs"
import { forgetListeners, page } from "./state"
import { verifyView } from "./verify"

const main = h("main", { id: "content", tabIndex: -1 })
let view = new AbortController()

const theme = localStorage.getItem("theme")
if (theme) document.documentElement.dataset.theme = theme

function turnTheme(): void {
  const dark = document.documentElement.dataset.theme ? document.documentElement.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches
  document.documentElement.dataset.theme = dark ? "light" : "dark"
  localStorage.setItem("theme", document.documentElement.dataset.theme)
  show()
}

const go = (hash: string): void => {
  if (location.hash === hash) show()
  else location.hash = hash
}

function frame(): void {
  const link = (hash: string, text: string, name: string) => h("a", { href: hash, "data-view": name }, text)
  const known = Boolean(page.session?.user)
  const other = language === "zh" ? "en" : "zh"
  replace(document.body,
    h("a", { class: "skip", href: "#content", onclick: (event: Event) => { event.preventDefault(); main.focus() } }, t("skip")),
    h("header", { class: "bar" }, h("a", { class: "brand", href: "#/", "aria-label": "Sonic Studio" }, h("img", { src: "/static/icon.svg", alt: "", width: 28, height: 28 }), h("span", {}, "Sonic Studio")),
      h("nav", { "aria-label": "Sonic Studio" }, known ? [link("#/", t("create"), "create"), link("#/videos", t("jobs"), "videos"), link("#/verify", t("verify"), "verify")] : null),
      h("div", { class: "row tools" }, h("button", { type: "button", class: "button quiet", lang: other === "zh" ? "zh-CN" : "en", onclick: () => void turnLanguage(other) }, t("language")), button(t("theme"), turnTheme, { icon: "moon", bare: true }), h("a", { class: "button quiet wide-only", href: "/api" }, "API"), known && page.session.needs_token ? button(t("leave"), () => void leave(), { kind: "quiet" }) : null)),
    main, h("div", { id: "toasts" }))
}

async function turnLanguage(wanted: "en" | "zh"): Promise<void> {
  setLanguage(wanted)
  listenAnew()
  page.catalogue = await get<Catalogue>(`settings?language=${language}`)
  frame()
  show()
}

async function leave(): Promise<void> {
  await call("DELETE", "session")
  location.reload()
}

function show(): void {
  view.abort()
  view = new AbortController()
  forgetListeners()
  const [, name = "", id = ""] = location.hash.split("/")
  const current = ["videos", "verify"].includes(name) ? name : "create"
  for (const link of document.querySelectorAll<HTMLElement>("nav a")) {
    if (link.dataset.view === current) link.setAttribute("aria-current", "page")
    else link.removeAttribute("aria-current")
  }
  document.title = `${t(current === "videos" ? "jobs" : (current as "create" | "verify"))} · Sonic Studio`
  replace(main, current === "verify" ? verifyView(view.signal) : current === "create" ? createView(go, view.signal) : id ? jobView(id, go, view.signal) : jobsView(go, view.signal))
  scrollTo(0, 0)
}

function askToken(): void {
  const input = h("input", { id: "token", type: "password", required: true, autocomplete: "current-password" })
  const problem = h("p", { class: "problem", role: "alert" })
  const enter = async (event: Event) => {
    event.preventDefault()
    try {
      await post("session", { token: input.value })
      await start()
    } catch (error) {
      problem.textContent = failureText(error)
    }
  }
  frame()
  replace(main, h("form", { class: "card token", onsubmit: (event: Event) => void enter(event) }, icon("shield"), h("h1", {}, t("token_title")), h("p", { class: "quiet" }, t("token_hint")), h("label", { for: "token" }, t("token")), input, problem, h("button", { type: "submit", class: "button primary" }, h("span", {}, t("enter")))))
  input.focus()
}

async function start(): Promise<void> {
  try {
    page.session = await get<Session>("session")
    if (!page.session.user) return askToken()
    page.catalogue = await get<Catalogue>(`settings?language=${language}`)
  } catch (error) {
    frame()
    const text = error instanceof Failure && error.status === 0 ? t("offline") : failureText(error)
    return replace(main, h("div", { class: "empty" }, icon("warn"), h("h1", {}, text), button("↻", () => void start(), { icon: "reset" })))
  }
  frame()
  onJob(() => {})
  show()
}

let away = false
window.addEventListener("offline", () => { away = true; toast(t("offline"), "error") })
window.addEventListener("reconnected", () => { if (away) { away = false; toast(t("back_online")) } })
window.addEventListener("hashchange", () => { if (page.catalogue) show() })
void start()
