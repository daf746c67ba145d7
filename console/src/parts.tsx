// Small pieces that several views share.
import type { ComponentChildren } from "preact";
import type { Level } from "./verdict";

const WORDS: Record<Level, string> = { good: "well", watch: "watch", bad: "failing" };
export const Badge = ({ level, children }: { level: Level; children?: ComponentChildren }) =>
  <span class={`badge ${level}`}>{children ?? WORDS[level]}</span>;

export function Card({ id, title, width, children }: { id: string; title: string; width?: string; children: ComponentChildren }) {
  return <section class={`card ${width ?? ""}`} id={id} aria-labelledby={`${id}-title`}><h2 id={`${id}-title`}>{title}</h2>{children}</section>;
}

// A table that scrolls can be reached by keyboard.
export function Scroll({ label, children }: { label: string; children: ComponentChildren }) {
  return <div class="scroll" tabIndex={0} role="region" aria-label={`${label}, table`}>{children}</div>;
}

export const clock = (time: number) => new Date(time).toLocaleTimeString([], { hour12: false });
