// A page of docs/runbooks, drawn from its Markdown: headings, paragraphs, lists, tables, code, links
// and emphasis, which is all that those pages use. Nothing of it becomes HTML as text.
import type { ComponentChildren } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { changed } from "./model";

let wanted = "";
export function read(page: string) { wanted = page; changed(); }
export const Runbook = ({ page }: { page: string }) => <button class="link" onClick={() => read(page)}>Runbook: {page}</button>;

function inline(text: string): ComponentChildren[] {
  const found: ComponentChildren[] = [];
  const pattern = /`([^`]+)`|\[([^\]]+)\]\(([^)]+)\)|\*\*([^*]+)\*\*|\*([^*]+)\*/g;
  let from = 0;
  for (const match of text.matchAll(pattern)) {
    found.push(text.slice(from, match.index));
    from = match.index + match[0].length;
    const [, code, label, target, strong, soft] = match;
    if (code) found.push(<code>{code}</code>);
    else if (strong) found.push(<strong>{strong}</strong>);
    else if (soft) found.push(<em>{soft}</em>);
    else if (/^[A-Za-z]+\.md$/.test(target!)) found.push(<button type="button" class="link" onClick={() => read(target!.slice(0, -3))}>{label}</button>);
    else found.push(label);
  }
  found.push(text.slice(from));
  return found;
}

function Code({ text }: { text: string }) {
  return <div class="code"><pre tabIndex={0}>{text}</pre><button type="button" aria-label="Copy the command" onClick={() => void navigator.clipboard?.writeText(text)}>Copy</button></div>;
}

export function Markdown({ text }: { text: string }) {
  const blocks: ComponentChildren[] = [];
  const lines = text.split("\n");
  const cells = (line: string) => line.replace(/^\||\|$/g, "").split("|").map((cell) => inline(cell.trim()));
  for (let at = 0; at < lines.length;) {
    const line = lines[at]!;
    const take = (test: (line: string) => boolean) => { const from = at; while (at < lines.length && test(lines[at]!)) at++; return lines.slice(from, at); };
    if (line.startsWith("```")) {
      at++;
      const body = take((each) => !each.startsWith("```"));
      at++;
      blocks.push(<Code text={body.join("\n")} />);
    } else if (line.startsWith("#")) {
      const level = line.indexOf(" ");
      blocks.push(level === 1 ? <h2 id="runbook-title">{line.slice(2)}</h2> : <h3>{line.slice(level + 1)}</h3>);
      at++;
    } else if (line.startsWith("|")) {
      const [head, , ...rows] = take((each) => each.startsWith("|"));
      blocks.push(<table><thead><tr>{cells(head!).map((cell) => <th>{cell}</th>)}</tr></thead><tbody>{rows.map((row) => <tr>{cells(row).map((cell) => <td>{cell}</td>)}</tr>)}</tbody></table>);
    } else if (/^([-*]|\d+\.) /.test(line)) {
      const items: string[] = [];
      for (const each of take((one) => one.trim() !== "" && !one.startsWith("```"))) {
        if (/^([-*]|\d+\.) /.test(each)) items.push(each.replace(/^([-*]|\d+\.) /, "")); else items[items.length - 1] += ` ${each.trim()}`;
      }
      const points = items.map((item) => <li>{inline(item)}</li>);
      blocks.push(/^\d/.test(line) ? <ol>{points}</ol> : <ul class="points">{points}</ul>);
    } else if (line.trim() === "") {
      at++;
    } else {
      blocks.push(<p>{inline(take((each) => each.trim() !== "" && !/^(```|#|\|)/.test(each)).join(" "))}</p>);
    }
  }
  return <>{blocks}</>;
}

export function RunbookPage() {
  const box = useRef<HTMLDialogElement>(null);
  const [text, setText] = useState("");
  const page = wanted;
  useEffect(() => {
    if (!page) return;
    let late = false;
    fetch(`/console/runbooks/${page}.md`).then((answer) => answer.text()).then((found) => { if (!late) setText(found); }, () => setText("# The page did not come"));
    if (!box.current!.open) box.current!.showModal();
    return () => { late = true; };
  }, [page]);
  if (!page) return null;
  return (
    <dialog class="page" ref={box} aria-label={`Runbook ${page}`} onClose={() => { setText(""); read(""); }}>
      <div class="row"><button type="button" onClick={() => box.current!.close()}>Close</button><button type="button" class="link" onClick={() => read("README")}>All runbooks</button></div>
      <Markdown text={text} />
    </dialog>
  );
}
