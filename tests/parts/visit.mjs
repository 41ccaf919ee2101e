#!/usr/bin/env node
// A browser without a window: opens an address as the person KPM_TEST_PERSON, keeps cookies, and follows redirects until a page comes.
// Stands for the browser that a desktop app opens (KPM_BROWSER).
const jar = new Map();
let next = new URL(process.argv[2]);
if (process.env.KPM_TEST_PERSON) {
  next.searchParams.set('login_hint', process.env.KPM_TEST_PERSON);
}
for (let hops = 0; hops < 12; hops++) {
  const cookies = jar.get(next.host) ?? new Map();
  const response = await fetch(next, { redirect: 'manual', headers: { cookie: [...cookies].map(([name, value]) => `${name}=${value}`).join('; ') } });
  for (const cookie of response.headers.getSetCookie()) {
    const [, name, value] = /^([^=]+)=([^;]*)/.exec(cookie);
    cookies.set(name, value);
  }
  jar.set(next.host, cookies);
  await response.arrayBuffer();
  const location = response.headers.get('location');
  if (!location) {
    process.exit(response.ok ? 0 : 1);
  }
  next = new URL(location, next);
}
process.exit(1);
