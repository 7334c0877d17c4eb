// The HTTP interface as functions.
import { language } from "./i18n"

export interface Media { id: string; kind: string; name: string; bytes: number; created_at: string; about: { sha256?: string; width?: number; height?: number; duration_s?: number; tracks?: Track[]; notices?: string[] } }
export interface Track { number: number; title: string; channels: number }
export interface Consent { id: string; subject: string; basis: string; given_on: string; expires_on: string | null; evidence: string | null; evidence_name: string | null; languages: string[] | null; purposes: string[] | null }
export interface Progress { stage: string; done: number; total: number; rate: number; remaining_s: number }
export interface Result { file: string; duration_s: number; n_frames: number; width: number; height: number; bytes: number; sha256: string; captions?: string[] }
export interface Job {
  id: string; kind: string; state: "queued" | "running" | "done" | "failed" | "cancelled" | "deleted"; title: string; number: number
  created_at: string; started_at: string | null; finished_at: string | null; notices: string[]; progress?: Progress | null
  error: { kind: string; message: string } | null; result: unknown
  request: { photo: string; speech: string; consent: string; settings: Values; live: boolean; job?: string; captions?: string; burn_in?: boolean; karaoke?: boolean }
}
export type Value = string | number | null
export type Values = Record<string, Value>
export interface Setting {
  name: string; label: string; help: string; outside: string; unset: string; kind: "number" | "text"; whole: boolean; default: Value
  low: number | null; high: number | null; step: number | null; unit: string; choices: string[]; recommended: [number, number] | null; engine: string; phase: string
}
export interface Platform { id: string; title: string; declare: string; width: number; height: number; safe_area: [number, number, number, number]; settings: Values }
export interface Catalogue { settings: Setting[]; engines: string[]; presets: Record<string, Values>; platforms: Platform[] }
export interface Inspection {
  size_px: [number, number]; n_faces: number; video_px: [number, number] | null; notices: string[]; faces_px: number[][]
  shown_px: [number, number, number, number] | null; outline_px: [number, number][]; sharpness: number | null; pose_deg: number[] | null; eye_distance_px: number | null
}
export interface Sound { duration_s: number; track: number | null; tracks: Track[]; notices: string[]; peaks: number[] }
export interface Terms { bases: { basis: string; claims: string }[]; evidence_file: boolean; max_validity_days: number | null; languages: string[] | null; purposes: string[] | null }
export interface Session { version: string; user: string | null; needs_token: boolean; local: boolean; upload_bytes: Record<string, number>; chunk_bytes: number; recognises: boolean; used_bytes: number | null; quota_bytes: number | null }
export interface Verified { verdict: string; headline: string; kind: string; sha256: string; states_ai: boolean; conflicts: string[]; layers: { name: string; title: string; state: string; found: string; proves: string }[] }
export interface Report { measures: Record<string, number | null>; curves: { seconds: number; opening: number[]; loudness: number[] } }

/** An answer other than 2xx, or none at all. */
export class Failure extends Error {
  constructor(readonly status: number, readonly kind: string, message: string, readonly offset?: number) { super(message) }
}

const ROOT = "/api/v1/"

export const address = (path: string): string => ROOT + path

/** One request; a body is sent as JSON. */
export async function call<T>(method: string, path: string, body?: unknown): Promise<T> {
  const init: RequestInit = { method, credentials: "same-origin", headers: spoken() }
  if (body !== undefined) Object.assign(init, { body: JSON.stringify(body), headers: { ...spoken(), "Content-Type": "application/json" } })
  return read<T>(await reached(() => fetch(ROOT + path, init)))
}

/** The sentences of an answer come in the language of the page. */
const spoken = (): Record<string, string> => ({ "Accept-Language": language })

export const get = <T>(path: string): Promise<T> => call<T>("GET", path)
export const post = <T>(path: string, body: unknown = {}): Promise<T> => call<T>("POST", path, body)

async function reached(ask: () => Promise<Response>): Promise<Response> {
  try {
    return await ask()
  } catch {
    throw new Failure(0, "Offline", "")
  }
}

async function read<T>(answer: Response): Promise<T> {
  const text = await answer.text()
  const values = text ? JSON.parse(text) : {}
  if (answer.ok) return values as T
  throw new Failure(answer.status, values.error?.kind ?? "Error", values.error?.message ?? answer.statusText, values.error?.offset)
}

const TRIES = 6

/** Upload a file in pieces; after a lost connection it goes on where the server has it. */
export async function upload(kind: string, file: Blob, name: string, chunk: number, onshare: (share: number) => void, signal?: AbortSignal): Promise<Media> {
  const begun = await post<{ id: string; offset: number }>("uploads", { kind, name, bytes: file.size })
  let offset = begun.offset
  for (let tries = 0; ; ) {
    signal?.throwIfAborted()
    const last = Math.min(offset + chunk, file.size)
    try {
      const answer = await read<{ offset: number; media: Media | null }>(await reached(() => fetch(`${ROOT}uploads/${begun.id}`, {
        method: "PUT", body: file.slice(offset, last), headers: { ...spoken(), "Content-Range": `bytes ${offset}-${last - 1}/${file.size}` }, signal: signal ?? null,
      })))
      if (answer.media) return answer.media
      offset = answer.offset
      tries = 0
    } catch (error) {
      if (!(error instanceof Failure) || ![0, 409].includes(error.status) || ++tries > TRIES) throw error
      await new Promise((done) => setTimeout(done, 400 * 2 ** tries))
      offset = (await get<{ offset: number }>(`uploads/${begun.id}`).catch(() => ({ offset }))).offset
    }
    onshare(offset / file.size)
  }
}

type Listener = (job: Job) => void
const listeners = new Set<Listener>()
let source: EventSource | null = null

/** Hear of every change of a job, over one connection for the whole page. */
export function onJob(listener: Listener): () => void {
  listeners.add(listener)
  listen()
  return () => listeners.delete(listener)
}

function listen(): void {
  if (source || document.hidden) return
  source = new EventSource(`${ROOT}events?language=${language}`)
  source.addEventListener("job", (event) => {
    const job = JSON.parse((event as MessageEvent<string>).data) as Job
    for (const each of [...listeners]) each(job)
  })
  source.addEventListener("open", () => window.dispatchEvent(new Event("reconnected")))
}

/** Hear the news in the language that the page has now. */
export function listenAnew(): void {
  source?.close()
  source = null
  if (listeners.size) listen()
}

// A browser holds six connections to one host: pages in the background give theirs back, and ask again when seen.
document.addEventListener("visibilitychange", () => {
  if (document.hidden) {
    source?.close()
    source = null
  } else if (listeners.size) listen()
})

/** The job when it is over; it is asked for again where an event may have been lost. */
export function finished(id: string, onnews: Listener = () => {}): Promise<Job> {
  return new Promise((resolve, reject) => {
    const heard = (job: Job) => {
      if (job.id !== id) return
      onnews(job)
      if (job.state !== "queued" && job.state !== "running") { end(); resolve(job) }
    }
    const ask = () => get<Job>(`jobs/${id}`).then(heard, (error: Failure) => { if (error.status) { end(); reject(error) } })
    const timer = setInterval(ask, 3000)
    const stop = onJob(heard)
    const end = () => { clearInterval(timer); stop() }
    void ask()
  })
}
