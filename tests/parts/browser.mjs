// A real browser for the tests of the pages: starts Chromium, prints one JSON line when it is ready, then carries out one visit for
// each JSON line on standard input and answers with one JSON line. Ends when standard input ends.
//
// A visit: {url, language, width, height, dark, script, fill: {field: value}, submit: true, until: beginning of the address that redirects lead to, screenshot: file}
// Its answer: {status, url, title, heading, text, problems, overflow, console, requests}; or {error}.
import { createInterface } from 'node:readline';
import { chromium } from 'playwright-core';

const browser = await chromium.launch({
  executablePath: process.env.KPM_CHROMIUM ?? '/usr/bin/chromium',
  // The sandbox can't be set up by the superuser, whom containers run tests as; the only pages visited are the tests' own.
  args: process.getuid?.() === 0 ? ['--no-sandbox'] : [],
});
console.log(JSON.stringify({ ready: true, version: browser.version() }));

for await (const line of createInterface({ input: process.stdin })) {
  console.log(JSON.stringify(await visit(JSON.parse(line)).catch((e) => ({ error: String(e) }))));
}
await browser.close();

async function visit(order) {
  const context = await browser.newContext({
    javaScriptEnabled: order.script === true,
    locale: order.language ?? 'en',
    viewport: { width: order.width ?? 1000, height: order.height ?? 800 },
    colorScheme: order.dark ? 'dark' : 'light',
    ignoreHTTPSErrors: order.trustAnyCertificate === true,
  });
  try {
    const page = await context.newPage();
    const messages = [];
    const requests = [];
    page.on('console', (m) => messages.push(`${m.type()}: ${m.text()}`));
    page.on('pageerror', (e) => messages.push(`error: ${e}`));
    page.on('request', (r) => requests.push(`${r.method()} ${r.url()}`));
    page.setDefaultTimeout(30_000);
    let response = await page.goto(order.url);
    for (const [name, value] of Object.entries(order.fill ?? {})) await page.fill(`[name="${name}"]`, value);
    if (order.submit) {
      // The answer to the form is a document of its own, found by its method: it may have the address that the page has already.
      const answered = page.waitForResponse((r) => r.request().method() === 'POST' && r.request().isNavigationRequest());
      await page.click('button[type=submit]');
      response = await answered;
      // Redirects to elsewhere take their time; the document before them would count as loaded.
      if (order.until) await page.waitForURL((at) => at.href.startsWith(order.until));
      await page.waitForLoadState('load');
    }
    if (order.screenshot) await page.screenshot({ path: order.screenshot, fullPage: true });
    const texts = (selector) => page.locator(selector).allInnerTexts();
    return {
      status: response?.status() ?? 0,
      url: page.url(),
      title: await page.title(),
      heading: (await texts('h1')).join(' '),
      text: await page.innerText('body'),
      problems: await texts('[role=alert]'),
      overflow: await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth),
      console: messages,
      requests,
    };
  } finally {
    await context.close();
  }
}
