// All videos: what waits, what is being made, what there is; searched, cancelled, deleted.
import { address, call, get, onJob, post, type Job, type Result, type Session } from "./api"
import { button, h, icon, replace, toast } from "./dom"
import { segmented, sure, tell } from "./common"
import { clock, day, size, t, told } from "./i18n"
import { page } from "./state"

interface Page { jobs: Job[]; next_before: number | null; waiting: number }
const STATES = ["", "queued", "running", "done", "failed"]

export function jobsView(go: (hash: string) => void, signal: AbortSignal): HTMLElement {
  const grid = h("ul", { class: "grid" })
  const more = h("div", { class: "row center" })
  const count = h("span", { class: "quiet" })
  const room = h("span", { class: "quiet" })
  const search = h("input", { type: "search", placeholder: t("search"), "aria-label": t("search"), maxLength: 200 })
  const cards = new Map<string, Card>()
  let [state, turn] = ["", 0]

  const load = async (before?: number) => {
    const mine = ++turn
    const query = new URLSearchParams({ limit: "60", q: search.value, state })
    if (before) query.set("before", String(before))
    const ask = (what: string) => get<Page>(`jobs?${what}`).catch((error) => (tell(error), null))
    const [answer, working] = await Promise.all([ask(query.toString()), before || state || search.value ? null : ask("state=running")])
    if (!answer || mine !== turn || signal.aborted) return
    if (!before) { replace(grid); cards.clear() }
    for (const job of [...(working?.jobs ?? []), ...answer.jobs]) {
      if (cards.has(job.id)) continue
      const card = new Card(job)
      cards.set(job.id, card)
      grid.append(card.element)
    }
    const last = answer.next_before
    replace(more, last ? button(t("load_more"), () => void load(last)) : null)
    count.textContent = answer.waiting ? t("of_queue", { n: answer.waiting }) : ""
    if (!cards.size) replace(more, search.value || state ? h("p", { class: "quiet" }, t("found_none")) : empty(go))
  }
  let timer = 0
  search.addEventListener("input", () => { clearTimeout(timer); timer = window.setTimeout(() => void load(), 200) })
  const heard = (job: Job) => {
    if (job.kind !== "video" && job.state !== "deleted") return
    const card = cards.get(job.id)
    if (card && job.state === "running" && grid.firstChild !== card.element) grid.prepend(card.element)
    if (job.state === "deleted") { card?.element.remove(); cards.delete(job.id) } else if (card) card.show(job)
    else if (!search.value && !state) void load()
  }
  signal.addEventListener("abort", onJob(heard))
  window.addEventListener("reconnected", () => void load(), { signal })
  void load()
  if (page.session.quota_bytes) void get<Session>("session").then(({ used_bytes: used, quota_bytes: most }) => (room.textContent = t("room", { used: size(used ?? 0), most: size(most ?? 0) }))).catch(tell)
  const filter = segmented(t("jobs"), STATES.map((each) => [each, each ? told(each, each) : t("all")]), "", (wish) => { state = wish; void load() })
  return h("div", { class: "page" }, h("div", { class: "row spread wrap page-head" }, h("div", { class: "row" }, h("h1", {}, t("jobs")), count, room), h("div", { class: "row wrap" }, h("div", { class: "search" }, icon("search"), search), filter)), grid, more)
}

function empty(go: (hash: string) => void): HTMLElement {
  return h("div", { class: "empty" }, icon("spark"), h("h2", {}, t("jobs_empty")), h("p", {}, t("jobs_empty_hint")), button(t("create"), () => go("#/"), { kind: "primary" }))
}

/** What a job is doing, in words. */
export function doing(job: Job): string {
  const at = job.progress
  if (job.state !== "running" || !at?.stage) return told(job.state, job.state)
  if (at.stage === "video" && at.done >= at.total) return t("finishing")
  return told(`stage_${at.stage}`, at.stage)
}

export const share = (job: Job): number | null => (job.progress?.total ? job.progress.done / job.progress.total : null)

class Card {
  readonly element = h("li", { class: "job" })

  constructor(private job: Job) {
    this.show(job)
  }

  show(job: Job): void {
    const before = this.job
    this.job = job
    const bar = this.element.querySelector("progress")
    if (before.state === job.state && job.state === "running" && bar) {
      bar.value = share(job) ?? 0
      const text = this.element.querySelector(".job-state")
      if (text) text.textContent = this.line()
      return
    }
    const result = job.result as Result | null
    const picture = job.state === "done" ? h("img", { src: address(`jobs/${job.id}/thumbnail`), alt: "", loading: "lazy" }) : h("img", { src: address(`media/${job.request.photo}/picture?px=320`), alt: "", loading: "lazy", class: "faded" })
    const link = h("a", { href: `#/videos/${job.id}`, class: "cover" }, picture, job.state === "done" && result ? h("span", { class: "length number" }, clock(result.duration_s)) : null, h("span", { class: "unseen" }, job.title))
    const progress = job.state === "running" ? h("progress", { max: 1, value: share(job) ?? 0, "aria-label": doing(job) }) : null
    const ends = job.state === "queued" || job.state === "running" ? button(t("stop_job"), () => void post(`jobs/${job.id}/cancel`).catch(tell), { icon: "stop", bare: true, kind: "tiny" }) : button(t("delete"), () => void this.remove(), { icon: "trash", bare: true, kind: "tiny" })
    replace(this.element, link, progress, h("div", { class: "row job-text" }, h("div", { class: "grow" }, h("strong", { class: "clip", title: job.title }, job.title), h("span", { class: `job-state quiet ${job.state}` }, this.line())), ends))
  }

  private line(): string {
    const job = this.job
    if (job.state === "done") return day(job.finished_at ?? job.created_at)
    if (job.state === "failed") return `${t("failed")} · ${told(`kind_${job.error?.kind}`, job.error?.message ?? "")}`
    const left = job.progress?.remaining_s
    return left && job.state === "running" ? `${doing(job)} · ${t("left", { time: clock(left) })}` : doing(job)
  }

  private async remove(): Promise<void> {
    if (await removeJob(this.job)) this.element.remove()
  }
}

/** Delete after asking; whether it was. */
export async function removeJob(job: Job): Promise<boolean> {
  if (!(await sure(t("delete_sure"), t("delete")))) return false
  try {
    await call("DELETE", `jobs/${job.id}`)
    toast(t("deleted"))
    return true
  } catch (error) {
    tell(error)
    return false
  }
}
