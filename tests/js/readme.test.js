// The README's first screen, run as it is written: the browser's snippet in a real browser, the
// Node script with the published library, both through one group of one server.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";
import { chromium } from "playwright-core";
import { accessUrl, EVERYTHING } from "./support.js";

const readme = readFileSync(new URL("../../README.md", import.meta.url), "utf8");
const browserSnippet = readme.match(/```js\n(.*?)```/s)[1];
const nodeScript = readme.match(/<<'EOF'\n(.*?)EOF\n/s)[1];
const executablePath = process.env.CORECAST_CHROMIUM;

// A browser of its own: no traffic but the page's, nothing kept.
const flags = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

test("a browser and Node talk as the README says", { timeout: 60_000 }, async (t) => {
  if (!executablePath) return t.skip("SKIP: there is no chromium and it could not be installed");
  const browser = await chromium.launch({ executablePath, args: flags });
  t.after(() => browser.close());
  const page = await browser.newPage();
  const seen = [];
  const waiting = [];
  page.on("console", (line) => {
    seen.push(line.text());
    waiting.splice(0).forEach((wake) => wake());
  });
  const arrives = async (text) => {
    while (!seen.some((line) => line.includes(text))) {
      await new Promise((wake) => waiting.push(wake));
    }
  };

  const url = accessUrl({ roles: EVERYTHING });
  await page.goto(`${process.env.CORECAST_URL.replace("ws:", "http:")}/api/health`);
  await page.addScriptTag({ content: browserSnippet.replace("CLIENT_URL", url) });
  await arrives('"data":"Hello from a browser"');

  const directory = await mkdtemp(join(tmpdir(), "corecast-readme-"));
  t.after(() => rm(directory, { recursive: true }));
  await writeFile(join(directory, "hello.mjs"), nodeScript);
  const modules = new URL("node_modules", import.meta.url).pathname;
  await symlink(modules, join(directory, "node_modules"));
  // The script stays connected, as a chat would: it is ended once the browser has heard it.
  const ended = new AbortController();
  const script = promisify(execFile)(process.execPath, ["hello.mjs", url], {
    cwd: directory,
    signal: ended.signal,
  });
  script.catch(() => {});
  const output = [];
  script.child.stdout.on("data", (text) => output.push(text));
  await arrives('"data":"Hello from Node"');

  await page.addScriptTag({
    content: `ws.send('{"type":"sendToGroup","group":"hello","dataType":"text","data":"and back"}')`,
  });
  while (!output.join("").includes("hello and back")) {
    await new Promise((resolve) => script.child.stdout.once("data", resolve));
  }
  ended.abort();
  assert.match(output.join(""), /hello Hello from Node/);
});
