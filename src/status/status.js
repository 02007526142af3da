
'use strict';
// The page without this script is whole; with it, it follows the exporter without losing focus, scroll or what is unfolded.
(() => {
  const EVERY = 15000, PATIENCE = 10000;
  const byId = id => document.getElementById(id);
  const [main, button, updated, lost] = ['main', 'pause', 'updated', 'lost'].map(byId);
  const time = () => new Date().toLocaleTimeString([], { hour: '2-digit', minute: '2-digit', second: '2-digit', hourCycle: 'h23' });
  const alike = (a, b) => a.nodeType === b.nodeType && a.nodeName === b.nodeName && (a.id || '') === (b.id || '');
  let last = time(), paused = false, busy = false, timer;

  // Makes one tree equal to another in place. What a visitor unfolded stays unfolded.
  const follow = (old, fresh) => {
    if (old.nodeType !== Node.ELEMENT_NODE) {
      if (old.data !== fresh.data) old.data = fresh.data;
      return;
    }
    for (const { name } of [...old.attributes])
      if (name !== 'open' && !fresh.hasAttribute(name)) old.removeAttribute(name);
    for (const { name, value } of fresh.attributes)
      if (old.getAttribute(name) !== value) old.setAttribute(name, value);
    let at = old.firstChild;
    for (const next of [...fresh.childNodes]) {
      let found = at;
      if (next.id) while (found && !alike(found, next)) found = found.nextSibling;
      if (found && alike(found, next)) {
        if (found === at) at = at.nextSibling;
        else old.insertBefore(found, at);
        follow(found, next);
      } else old.insertBefore(next, at);
    }
    while (at) {
      const gone = at;
      at = at.nextSibling;
      gone.remove();
    }
  };

  const say = () => {
    updated.textContent = paused ? `Paused at ${last}` : `Updated ${last}`;
    button.textContent = paused ? 'Resume' : 'Pause';
  };

  const refresh = async () => {
    clearTimeout(timer);
    if (busy || paused || document.hidden) return;
    busy = true;
    try {
      const answer = await fetch(location.href, { cache: 'no-store', signal: AbortSignal.timeout(PATIENCE) });
      const page = new DOMParser().parseFromString(await answer.text(), 'text/html');
      const fresh = page.getElementById('main');
      if (!answer.ok || !fresh) throw new Error(answer.status);
      if (!paused) {
        follow(main, fresh);
        document.title = page.title;
        last = time();
        lost.textContent = '';
        say();
      }
    } catch {
      // Said once: an alert that is repeated every few seconds would be read aloud every few seconds.
      if (!lost.textContent) lost.textContent = `The exporter has not answered since ${last}. Below is what it said then; trying again.`;
    }
    document.body.classList.toggle('lost', lost.textContent !== '');
    busy = false;
    timer = setTimeout(refresh, EVERY);
  };

  button.hidden = false;
  button.addEventListener('click', () => {
    paused = !paused;
    say();
    refresh();
  });
  document.addEventListener('visibilitychange', refresh);
  say();
  timer = setTimeout(refresh, EVERY);
})();
