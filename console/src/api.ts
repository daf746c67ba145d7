// The admin port as the page talks to it. The token lives in this tab's session storage and goes
// out in the Authorization field alone: never in an address, never in a cookie.

const TOKEN = "gateway-token";
const NAME = "gateway-name";

export const session = {
  get token() { return sessionStorage.getItem(TOKEN) ?? ""; },
  get name() { return sessionStorage.getItem(NAME) ?? ""; },
  begin(token: string, name: string) {
    sessionStorage.setItem(TOKEN, token);
    sessionStorage.setItem(NAME, name);
  },
  end() { sessionStorage.removeItem(TOKEN); },
};

const BASE = "/admin/v1";
const bearer = () => ({ Authorization: `Bearer ${session.token}` });

export class Refused extends Error {
  constructor(readonly status: number, detail: string) { super(detail); }
}

async function refusal(answer: Response): Promise<Refused> {
  const problem = await answer.json().catch(() => ({}));
  return new Refused(answer.status, problem.detail ?? `the gateway answered ${answer.status}`);
}

// One operation of the admin API; changes carry who asked for them.
export async function call<T = Record<string, unknown>>(method: string, path: string, body?: object): Promise<T> {
  const said = method === "GET" ? undefined : JSON.stringify({ ...body, ...(session.name && { by: session.name }) });
  const answer = await fetch(BASE + path, { method, headers: bearer(), body: said, cache: "no-store" });
  if (!answer.ok) throw await refusal(answer);
  return answer.json();
}

// Server-sent events, read by hand because EventSource can send no Authorization field. Resolves
// when the stream ends.
export async function listen(path: string, signal: AbortSignal, heard: (event: string, data: any) => void) {
  const answer = await fetch(BASE + path, { headers: bearer(), signal, cache: "no-store" });
  if (!answer.ok || !answer.body) throw await refusal(answer);
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      rest += value;
      const parts = rest.split("\n\n");
      rest = parts.pop()!;
      for (const part of parts) {
        const event = /^event: (.*)$/m.exec(part)?.[1];
        const data = /^data: (.*)$/m.exec(part)?.[1];
        if (event && data) heard(event, JSON.parse(data));
      }
    }
  } finally {
    // Whoever stops hearing gives the place back.
    reader.cancel().catch(() => {});
  }
}
