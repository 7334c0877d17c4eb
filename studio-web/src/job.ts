// One video: watched while it is made, then played, compared, measured, saved.
import { address, Failure, finished, get, onJob, post, type Job, type Media, type Report, type Result } from "./api"
import { announce, button, h, icon, replace } from "./dom"
import { dialog, failureBox, noticeBox, tell } from "./common"
import { clock, day, number, size, t, told } from "./i18n"
import { doing, removeJob, share } from "./jobs"
import { livePlayer } from "./live"
import { comparison } from "./compare"
import { curve } from "./curve"
import { videoPlayer } from "./stage"
import { change, entry } from "./state"

export function jobView(id: string, go: (hash: string) => void, signal: AbortSignal): HTMLElement {
  return new One(id, go, signal).element
}

class One {
  readonly element = h("div", { class: "create one" })
  private readonly stage = h("div", { class: "stage-body" })
  private readonly foot = h("div", { class: "stage-foot" })
  private readonly panel = h("div", { class: "panel" })
  private readonly below = h("div", { class: "below" })
  private readonly progress = h("progress", { max: 1 })
  private readonly state = h("span", { class: "job-state" })
  private readonly pace = h("span", { class: "quiet number" })
  private shown = ""
  private other: Job | null = null

  constructor(private readonly id: string, private readonly go: (hash: string) => void, private readonly signal: AbortSignal) {
    replace(this.element, h("section", { class: "stage", "aria-label": t("video") }, this.stage, this.foot, this.below), this.panel)
    signal.addEventListener("abort", onJob((job) => { if (job.id === id) this.show(job) }))
    window.addEventListener("reconnected", () => void this.load(), { signal })
    void this.load()
  }

  private async load(): Promise<void> {
    try {
      this.show(await get<Job>(`jobs/${this.id}`))
    } catch (error) {
      if (error instanceof Failure && error.status === 404) this.gone()
      else tell(error)
    }
  }

  private gone(): void {
    replace(this.element, h("div", { class: "empty" }, icon("search"), h("h1", {}, t("not_found")), h("p", {}, t("not_found_hint")), button(t("to_jobs"), () => this.go("#/videos"))))
  }

  private show(job: Job): void {
    if (job.state === "deleted") return this.gone()
    if (job.state === "running") this.showProgress(job)
    const what = job.state === "running" && !job.progress?.stage ? "queued" : job.state
    if (what === this.shown) return
    const before = this.shown
    this.shown = what
    document.title = `${job.title} · Sonic Studio`
    this.showPanel(job)
    replace(this.foot)
    if (what === "done") {
      if (before) announce(t("done"))
      this.showVideo(job)
    } else if (what === "running") this.showLive(job)
    else if (what === "failed" && job.error) replace(this.stage, h("div", { class: "empty" }, failureBox(job.error)))
    else replace(this.stage, h("div", { class: "empty" }, h("img", { class: "waiting", src: address(`media/${job.request.photo}/picture?px=640`), alt: "" }), h("p", {}, told(job.state, job.state))))
  }

  private showProgress(job: Job): void {
    const done = share(job)
    if (done === null) this.progress.removeAttribute("value")
    else this.progress.value = done
    this.progress.setAttribute("aria-label", doing(job))
    this.state.textContent = doing(job)
    const { rate = 0, remaining_s = 0, stage = "" } = job.progress ?? {}
    this.pace.textContent = [stage === "video" && rate ? t("fps_now", { rate: Math.round(rate) }) : "", remaining_s > 0.5 ? t("left", { time: clock(remaining_s) }) : ""].filter(Boolean).join(" · ")
  }

  private showLive(job: Job): void {
    const player = job.request.live ? livePlayer(job.id, this.signal) : null
    replace(this.stage, player ? h("div", { class: "fitted" }, player) : h("div", { class: "empty" }, h("div", { class: "spinner", "aria-hidden": "true" }), h("p", {}, t("no_mse"))))
    const waiting = h("p", { class: "caption" }, t("live_wait"))
    player?.addEventListener("playing", () => (waiting.textContent = t("live_watch")), { once: true })
    if (player) this.stage.append(waiting)
  }

  private showVideo(job: Job): void {
    const live = this.stage.querySelector("video")
    const result = job.result as Result
    const at = live && live.currentTime < result.duration_s - 0.5 ? live.currentTime : 0
    const player = videoPlayer(address(`jobs/${job.id}/video`), { poster: address(`jobs/${job.id}/cover`), label: job.title, ...(result.captions?.length && !job.request.burn_in && !job.request.karaoke ? { captions: address(`jobs/${job.id}/captions`) } : {}) })
    if (at > 0 && live && !live.paused) {
      player.muted = live.muted
      player.currentTime = at
      player.play().catch(() => {})
    }
    replace(this.stage, h("div", { class: "fitted" }, player))
    replace(this.foot, h("span", { class: "badge good" }, icon("shield"), t("signed")), h("span", { class: "quiet" }, t("show_label")))
  }

  private showPanel(job: Job): void {
    const result = job.result as Result | null
    const active = job.state === "queued" || job.state === "running"
    const back = h("a", { href: "#/videos", class: "back" }, icon("back"), t("to_jobs"))
    const head = h("section", { class: "card" }, back, h("h1", { class: "title", title: job.title }, job.title), h("p", { class: "quiet" }, day(job.created_at)))
    if (active) {
      this.state.textContent = doing(job)
      head.append(h("div", { class: "working", role: "status" }, h("div", { class: "row spread" }, this.state, this.pace), this.progress), button(t("stop_job"), () => void post(`jobs/${job.id}/cancel`).catch(tell), { icon: "stop" }))
    }
    replace(this.panel, head, job.state === "done" && result ? [this.saving(job), this.facts(job, result)] : null, noticeBox(t("notices"), job.notices), h("div", { class: "row wrap" }, button(t("again"), () => void this.again(job), { icon: "reset" }), active ? null : button(t("delete"), () => void this.remove(job), { icon: "trash", kind: "quiet" })))
  }

  private saving(job: Job): HTMLElement {
    const link = (what: string, text: string, primary = false) => h("a", { class: `button ${primary ? "primary" : ""}`, href: address(`jobs/${job.id}/${what}download=1`), download: "" }, icon("download"), h("span", {}, text))
    const captions = (job.result as Result).captions ?? []
    return h("section", { class: "card", "aria-label": t("download") }, h("div", { class: "row wrap" }, link("video?", t("video"), true), link("record?", t("record_file")), link("cover?", t("cover")), captions.map((format) => link(`captions?format=${format}&`, `${t("captions")} (${format.toUpperCase()})`))), h("div", { class: "row wrap" }, button(t("compare"), () => void this.compare(job), { icon: "compare" }), button(t("measure"), () => void this.measure(job), { icon: "chart" })))
  }

  private facts(job: Job, result: Result): HTMLElement {
    const settings = Object.entries(job.request.settings).map(([name, value]) => `${entry(name)?.label ?? name} ${told(`choice_${value}`, String(value))}`)
    const rows: [string, string][] = [[t("size"), `${result.width} × ${result.height}`], [t("length"), clock(result.duration_s, true)], [t("video"), size(result.bytes)], [t("settings"), settings.join(" · ") || t("standard_settings")], ["SHA-256", result.sha256]]
    return h("section", { class: "card", "aria-label": t("details") }, h("h2", {}, t("details")), h("dl", {}, rows.map(([name, value]) => [h("dt", {}, name), h("dd", { class: name === "SHA-256" ? "hash" : "" }, value)])))
  }

  private async compare(job: Job): Promise<void> {
    const { jobs } = await get<{ jobs: Job[] }>("jobs?state=done&limit=60")
    const others = jobs.filter((each) => each.id !== job.id)
    await dialog(t("compare_with"), (close) => [others.length ? h("ul", { class: "grid small" }, others.map((each) => h("li", { class: "job" }, h("button", { type: "button", class: "cover", onclick: () => { this.other = each; close() } }, h("img", { src: address(`jobs/${each.id}/thumbnail`), alt: "", loading: "lazy" }), h("span", { class: "clip", title: each.title }, each.title))))) : h("p", { class: "quiet" }, t("compare_none"))], "wide")
    if (!this.other) return
    replace(this.stage, comparison(job, this.other, this.signal))
    replace(this.foot, h("span", { class: "quiet" }, t("compare_clock")), button(t("compare_end"), () => this.showVideo(job), { icon: "close" }))
    this.other = null
  }

  private async measure(job: Job): Promise<void> {
    const working = h("p", { class: "quiet" }, t("measuring"))
    const bar = h("progress", { max: 1, "aria-label": t("measuring") })
    replace(this.below, h("section", { class: "card", "aria-busy": "true" }, h("h2", {}, t("measure")), working, bar))
    try {
      const made = await finished((await post<Job>(`jobs/${job.id}/report`)).id, (news) => { const at = share(news); if (at !== null) bar.value = at })
      if (made.error) return replace(this.below, failureBox(made.error))
      replace(this.below, reportCard(made.result as Report))
      this.below.scrollIntoView({ behavior: "smooth", block: "nearest" })
    } catch (error) {
      replace(this.below)
      tell(error)
    }
  }

  private async again(job: Job): Promise<void> {
    const media = (id: string) => get<Media>(`media/${id}`).catch(() => null)
    const { captions: said, burn_in, karaoke } = job.request
    const [photo, speech, text] = await Promise.all([media(job.request.photo), media(job.request.speech), said && said !== "auto" ? media(said) : null])
    const { platform = "", ...settings } = job.request.settings
    const captions = speech && (text || said === "auto") ? { [speech.id]: text ? { media: text } : { auto: true } } : {}
    change({ photo, speech, others: [], consent: { id: job.request.consent } as never, settings, preset: "", platform: String(platform ?? ""), trim: null, captions, drawn: karaoke ? "karaoke" : burn_in ? "burn_in" : "" })
    this.go("#/")
  }

  private async remove(job: Job): Promise<void> {
    if (await removeJob(job)) this.go("#/videos")
  }
}

function reportCard(report: Report): HTMLElement {
  const rows = Object.entries(report.measures).map(([name, value]) => h("tr", {}, h("th", { scope: "row" }, told(`measure_${name}`, name.replaceAll("_", " "))), h("td", { class: "number" }, value === null ? t("not_measurable") : number(value))))
  return h("section", { class: "card report" }, h("h2", {}, t("measure")), h("p", { class: "quiet" }, t("report_note")), curve(report), h("details", {}, h("summary", {}, t("measures")), h("div", { class: "scroll", tabIndex: 0, role: "region", "aria-label": t("measures") }, h("table", {}, h("tbody", {}, rows)))))
}
