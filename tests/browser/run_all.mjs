// Opens notebooks in a real JupyterLab in a headless Chromium, does Run > Run All Cells in each, and fails on any error.
//
// usage: node tests/browser/run_all.mjs OUT [NN_name ...]        (from the repository's root; all notebooks by default)
//
// Needs `npm install playwright-core` (anywhere: NODE_PATH) and Debian's chromium. Starts JupyterLab from .venv on a
// free port, without a token and for this machine alone. Pictures of every notebook, a page each, are written to OUT.
import { spawn, spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, readdirSync } from "node:fs";
import { createRequire } from "node:module";
import { createServer } from "node:net";
import { resolve } from "node:path";

const { chromium } = createRequire(resolve(process.env.NODE_PATH ?? ".", "x.js"))("playwright-core");
const [out, ...names] = process.argv.slice(2);
const python = process.env.PYTHON ?? ".venv/bin/python";
const minutes = Number(process.env.MINUTES ?? 10);
const all = readdirSync("notebooks").filter((file) => /^\d\d_.*\.ipynb$/.test(file)).map((file) => file.slice(0, -6));
const flags = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
  "--disable-component-update", "--disable-sync"];
mkdirSync(out, { recursive: true });

const port = await new Promise((done) => {
  const probe = createServer().listen(0, "127.0.0.1", () => {
    const free = probe.address().port;
    probe.close(() => done(free));
  });
});
const server = spawn(python, ["-m", "jupyter", "lab", "--no-browser", "--allow-root", `--port=${port}`,
  `--ServerApp.root_dir=${process.cwd()}`, "--IdentityProvider.token=", "--ServerApp.disable_check_xsrf=True", "--LabApp.expose_app_in_browser=True",
  '--ServerApp.tornado_settings={"page_config_data": {"buildCheck": False, "buildAvailable": False}}'], // as make lab
  { stdio: "ignore", env: { ...process.env, PYTHONPATH: process.cwd() } });
const browser = await chromium.launch({ executablePath: "/usr/bin/chromium", args: flags });
let failed = 0;
try {
  const page = await browser.newPage({ viewport: { width: 1300, height: 1000 } });
  page.setDefaultTimeout(180000); // a slow machine needs a minute for a click while a kernel computes
  for (let tries = 0; ; tries++) {
    try { await page.goto(`http://127.0.0.1:${port}/api`, { timeout: 5000 }); break; }
    catch (error) { if (tries > 120) throw error; await page.waitForTimeout(1000); }
  }
  for (const name of names.length ? names : all) {
    const path = `notebooks/${name}.ipynb`;
    const cells = JSON.parse(readFileSync(path)).cells.filter((cell) => cell.cell_type === "code").length;
    await page.goto(`http://127.0.0.1:${port}/lab/tree/${path}?reset`, { timeout: 180000 });
    await page.waitForSelector(".jp-Notebook .jp-CodeCell", { timeout: 180000 });
    await page.waitForFunction(() => /idle/i.test(document.querySelector(".jp-Notebook-ExecutionIndicator")
      ?.getAttribute("data-status") ?? ""), null, { timeout: 180000 });
    if (await page.locator(".jp-Dialog").isVisible()) {
      await page.screenshot({ path: `${out}/${name}-dialog.png` });
      throw new Error(`a dialog stands before ${name}: ${await page.locator(".jp-Dialog").innerText()}`);
    }
    const runAll = async () => {
      await page.click("text=Run >> nth=0");
      await page.click("text=Run All Cells >> nth=0");
    };
    await runAll();
    // cells far down are not in the page before one scrolls there: what ran is read from the notebook's own model
    const end = Date.now() + minutes * 60000;
    let ran = 0, waited = 0, errors = [];
    while (Date.now() < end) {
      await page.waitForTimeout(1000);
      [ran, errors] = await page.evaluate(() => {
        const model = window.jupyterapp.shell.currentWidget.content.model;
        const code = [...model.cells].filter((cell) => cell.type === "code").map((cell) => cell.toJSON());
        const broken = code.flatMap((cell) => cell.outputs).filter((output) => output.output_type === "error");
        return [code.filter((cell) => cell.execution_count).length, broken.map((output) => `${output.ename}: ${output.evalue}`)];
      });
      if (errors.length || ran === cells) break;
      // a session's first kernel says idle before it listens: what was asked of it then is lost
      if (ran === 0 && ++waited % 20 === 0) await runAll();
    }
    const whole = await page.evaluate(() => document.querySelector(".jp-WindowedPanel-outer")?.scrollHeight ?? 1000);
    for (let at = 0, shot = 0; at < whole && shot < 12; at += 900, shot++) {
      await page.evaluate((y) => document.querySelector(".jp-WindowedPanel-outer")?.scrollTo(0, y), at);
      await page.waitForTimeout(600);
      await page.screenshot({ path: `${out}/${name}-${String(shot).padStart(2, "0")}.png` });
    }
    const good = ran === cells && errors.length === 0;
    failed += good ? 0 : 1;
    console.log(`${good ? "ok    " : "FAILED"} ${name}: ${ran} of ${cells} cells ran ${errors.join("; ")}`);
  }
} finally {
  await browser.close();
  server.kill("SIGTERM");
  // JupyterLab saves what it ran: without outputs the notebooks are as they were
  spawnSync(python, ["-m", "lib.canonical", ...all.map((name) => `notebooks/${name}.ipynb`)], { stdio: "inherit" });
}
process.exit(failed ? 1 : 0);
