// What is being made at the moment; it survives closing the page.
import type { Catalogue, Consent, Media, Platform, Session, Setting, Value, Values } from "./api"

/** What is said in a recording: written here, or in a file. */
export interface Said { text?: string; media?: Media; auto?: boolean }

export interface Draft { photo: Media | null; speech: Media | null; others: Media[]; consent: Consent | null; preset: string; platform: string; settings: Values; trim: [number, number] | null; captions: Record<string, Said>; drawn: "" | "burn_in" | "karaoke" }

const KEY = "draft"
const EMPTY: Draft = { photo: null, speech: null, others: [], consent: null, preset: "", platform: "", settings: {}, trim: null, captions: {}, drawn: "" }

function restored(): Draft {
  try {
    return { ...EMPTY, ...(JSON.parse(localStorage.getItem(KEY) ?? "{}") as Partial<Draft>) }
  } catch {
    return { ...EMPTY }
  }
}

export const draft: Draft = restored()
export const page: { session: Session; catalogue: Catalogue } = { session: null as unknown as Session, catalogue: null as unknown as Catalogue }

const listeners = new Set<(what: Set<keyof Draft>) => void>()

/** Change the draft; whoever listens hears what changed. */
export function change(values: Partial<Draft>): void {
  Object.assign(draft, values)
  localStorage.setItem(KEY, JSON.stringify(draft))
  const what = new Set(Object.keys(values) as (keyof Draft)[])
  for (const each of [...listeners]) each(what)
}

export function onChange(listener: (what: Set<keyof Draft>) => void): void {
  listeners.add(listener)
}

/** Nobody listens any more: the view is left. */
export const forgetListeners = (): void => listeners.clear()

export const platform = (): Platform | undefined => page.catalogue.platforms.find((each) => each.id === draft.platform)

/** A setting's value as the video will have it: what was changed, else what the platform, the preset or the table say. */
export function value(entry: Setting): Value {
  return draft.settings[entry.name] ?? base(entry)
}

export function base(entry: Setting): Value {
  return platform()?.settings[entry.name] ?? page.catalogue.presets[draft.preset]?.[entry.name] ?? entry.default
}

/** Change one setting; a value that is the base's own is no change. */
export function set(entry: Setting, wanted: Value): void {
  const settings = { ...draft.settings }
  if (wanted === base(entry) || (wanted === null && base(entry) === null)) delete settings[entry.name]
  else settings[entry.name] = wanted
  change({ settings })
}

export const entry = (name: string): Setting | undefined => page.catalogue.settings.find((each) => each.name === name)

/** Settings of a job: what was changed; preset and platform are sent by their names. */
export const wanted = (): Values => (platform() ? { ...draft.settings, platform: draft.platform } : draft.settings)
