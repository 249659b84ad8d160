// Talks to the daemon that served this page. Every failure is an Error whose message is what the daemon said.

const keyName = "orthant-api-key";

export const apiKey = {
  get: () => sessionStorage.getItem(keyName) ?? "",
  set: (key) => (key ? sessionStorage.setItem(keyName, key) : sessionStorage.removeItem(keyName)),
};

function headers(extra = {}) {
  const all = { ...extra };
  if (apiKey.get()) all["api-key"] = apiKey.get();
  return all;
}

function reason(status, text) {
  let body;
  try {
    body = JSON.parse(text);
  } catch {
    body = null;
  }
  const said = body?.status?.error ?? body?.error ?? text;
  if (status === 401) return "The daemon asks for an API key (button at the top right).";
  return said ? String(said) : `HTTP status ${status}`;
}

// The answer's whole JSON. `signal` may cancel it.
export async function ask(method, path, body, signal) {
  let response;
  try {
    response = await fetch(path, {
      method,
      signal,
      headers: headers(body === undefined ? {} : { "content-type": "application/json" }),
      body: body === undefined ? undefined : JSON.stringify(body),
    });
  } catch (failure) {
    if (failure.name === "AbortError") throw failure;
    throw new Error("The daemon does not answer.");
  }
  const text = await response.text();
  if (!response.ok) throw new Error(reason(response.status, text));
  return JSON.parse(text);
}

// What /metrics says of the recall that was last measured: [{collection, vector, recall}].
async function measuredRecalls() {
  const response = await fetch("/metrics", { headers: headers() });
  if (!response.ok) return [];
  const lines = (await response.text()).matchAll(/^collection_measured_recall_ppm\{id="((?:[^"\\]|\\.)*)",vector="((?:[^"\\]|\\.)*)"\} (\S+)$/gm);
  return [...lines].map(([, collection, vector, value]) => ({ collection: JSON.parse(`"${collection}"`), vector, recall: value / 1e6 }));
}

const of = (collection) => `/collections/${encodeURIComponent(collection)}`;

export const client = {
  about: () => ask("GET", "/"),
  models: async () => (await ask("GET", "/models")).result.models,
  collections: async () => (await ask("GET", "/collections")).result.collections.map((one) => one.name),
  collection: async (name) => (await ask("GET", of(name))).result,
  create: (name, body) => ask("PUT", of(name), body),
  remove: (name) => ask("DELETE", of(name)),
  measuredRecalls,
  query: (name, body, signal) => ask("POST", `${of(name)}/points/query`, body, signal),
  scroll: async (name, body) => (await ask("POST", `${of(name)}/points/scroll`, body)).result,
  reembedding: async (name, vector) => (await ask("GET", `${of(name)}/reembed?${new URLSearchParams({ vector })}`)).result,
  reembed: (name, body) => ask("POST", `${of(name)}/reembed`, body),
  giveUpReembedding: (name, vector) => ask("DELETE", `${of(name)}/reembed?${new URLSearchParams({ vector })}`),
  quality: async (name, vector, refresh) => {
    const options = new URLSearchParams({ vector });
    if (refresh) options.set("refresh", "true");
    return (await ask("GET", `${of(name)}/quality?${options}`)).result;
  },
};

// Sends a file of JSON lines. progress(share of the file that is sent); gives the daemon's summary.
export function upload(collection, file, options, progress) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    const query = new URLSearchParams(options);
    request.open("POST", `${of(collection)}/documents?${query}`);
    request.setRequestHeader("content-type", "application/x-ndjson");
    if (/\.gz$/i.test(file.name)) request.setRequestHeader("content-encoding", "gzip");
    if (/\.zst$/i.test(file.name)) request.setRequestHeader("content-encoding", "zstd");
    for (const [name, value] of Object.entries(headers())) request.setRequestHeader(name, value);
    request.upload.onprogress = (event) => event.lengthComputable && progress(event.loaded / event.total);
    request.onerror = () => reject(new Error("The connection broke: lines that were accepted before it stay."));
    request.onabort = () => reject(new Error("Stopped: lines that were accepted before it stay."));
    request.onload = () => {
      let body = null;
      try {
        body = JSON.parse(request.responseText);
      } catch {
        body = null;
      }
      if (body?.result) resolve({ ...body.result, failure: request.status < 300 ? null : reason(request.status, request.responseText) });
      else reject(new Error(reason(request.status, request.responseText)));
    };
    request.send(file);
    upload.stop = () => request.abort();
  });
}
