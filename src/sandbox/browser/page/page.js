// Reads the page, and finds the elements to act on. It runs in an isolated world, so that the page's scripts
// cannot change the functions that it uses. The caller checks the result again.
function (action, target, limit) {
  const clip = (text, length) => String(text ?? '').replace(/\s+/g, ' ').trim().slice(0, length);
  const visible = (element) => {
    const box = element.getBoundingClientRect();
    const style = getComputedStyle(element);
    return box.width > 0 && box.height > 0 && style.visibility !== 'hidden' && style.display !== 'none';
  };
  const named = (element) => {
    const label = element.labels && element.labels.length ? element.labels[0].innerText : '';
    const field = ['INPUT', 'SELECT', 'TEXTAREA'].includes(element.tagName);
    const candidates = [field ? '' : element.innerText, label, element.getAttribute('aria-label'), element.getAttribute('placeholder'),
      element.type === 'submit' || element.type === 'button' ? element.value : '', element.getAttribute('title'),
      element.getAttribute('alt'), element.getAttribute('name')];
    return clip(candidates.find((text) => clip(text, 200)), 200);
  };
  const CONTROLS = 'a[href],button,input,select,textarea,summary,label,[role=button],[role=link],[role=tab],' +
    '[role=menuitem],[role=checkbox],[onclick],[tabindex]';
  const find = () => {
    if (target.selector) {
      try {
        const all = [...document.querySelectorAll(target.selector)];
        return all.find(visible) ?? all[0];
      } catch {
        return undefined;
      }
    }
    const wanted = clip(target.text, 500).toLowerCase();
    const matches = (element, whole) => {
      const name = named(element).toLowerCase();
      return whole ? name === wanted : name.includes(wanted);
    };
    const controls = [...document.querySelectorAll(CONTROLS)].filter(visible);
    const all = [...document.querySelectorAll('body, body *')].filter(
      (element) => visible(element) && clip(element.innerText, 2000).toLowerCase().includes(wanted));
    const found = controls.find((element) => matches(element, true)) ??
      controls.find((element) => matches(element, false)) ?? all[all.length - 1];
    return found instanceof HTMLLabelElement && found.control ? found.control : found;
  };
  const describe = (element) => {
    const name = named(element);
    return '<' + element.tagName.toLowerCase() + (element.id ? ' id=' + clip(element.id, 60) : '') + '>' + (name ? ' "' + clip(name, 80) + '"' : '');
  };
  const change = (element, value) => {
    const kind = element instanceof HTMLSelectElement ? HTMLSelectElement : HTMLInputElement;
    Object.getOwnPropertyDescriptor(kind.prototype, 'value').set.call(element, value);
    element.dispatchEvent(new Event('input', { bubbles: true }));
    element.dispatchEvent(new Event('change', { bubbles: true }));
  };
  const status = () => performance.getEntriesByType('navigation')[0]?.responseStatus ?? 0;

  if (action === 'state') {
    return { url: clip(location.href, 2000), title: clip(document.title, 300), status: status() };
  }
  if (action === 'read') {
    const text = String(document.body?.innerText ?? '');
    const links = [...document.querySelectorAll('a[href]')].filter(visible);
    const fields = [...document.querySelectorAll('input,select,textarea,button')].filter(visible);
    const value = (field) => (field.type === 'checkbox' || field.type === 'radio' ? (field.checked ? 'on' : 'off') : field.value);
    return {
      url: clip(location.href, 2000), title: clip(document.title, 300), status: status(),
      text: text.slice(0, limit), truncated: text.length > limit,
      links: links.slice(0, 100).map((link) => ({ text: named(link), href: clip(link.href, 500) })),
      fields: fields.slice(0, 100).map((field) => ({
        kind: clip(field.tagName.toLowerCase() + (field.type ? ':' + field.type : ''), 40), name: named(field),
        value: field.type === 'password' ? '' : clip(value(field), 200),
      })),
    };
  }
  if (action === 'has') {
    const element = find();
    return { found: Boolean(element && visible(element)) };
  }
  const element = find();
  if (!element) {
    return { found: false };
  }
  if (action === 'fill') {
    element.focus();
    const settable = ['date', 'time', 'month', 'week', 'datetime-local', 'color', 'range'];
    if (element instanceof HTMLSelectElement) {
      const wanted = clip(target.value, 500);
      const option = [...element.options].find((one) => clip(one.text, 500) === wanted || one.value === wanted);
      if (!option) {
        return { found: true, what: describe(element), options: [...element.options].slice(0, 50).map((one) => clip(one.text, 100)) };
      }
      change(element, option.value);
      return { found: true, what: describe(element), done: true };
    }
    if (element instanceof HTMLInputElement && settable.includes(element.type)) {
      change(element, target.value);
      return { found: true, what: describe(element), done: true };
    }
    const editable = element instanceof HTMLTextAreaElement || element instanceof HTMLInputElement || element.isContentEditable;
    if (element instanceof HTMLInputElement || element instanceof HTMLTextAreaElement) {
      element.select();
    } else if (editable) {
      getSelection().selectAllChildren(element);
    }
    return { found: true, what: describe(element), done: false, editable };
  }
  element.scrollIntoView({ block: 'center', inline: 'center', behavior: 'instant' });
  const box = element.getBoundingClientRect();
  const [x, y] = [box.left + box.width / 2, box.top + box.height / 2];
  const top = document.elementFromPoint(x, y);
  const reached = top && (element.contains(top) || top.contains(element) || [...(element.labels ?? [])].some((label) => label.contains(top)));
  return {
    found: true, what: describe(element), x, y, visible: visible(element), disabled: Boolean(element.disabled),
    covered: top && !reached ? describe(top) : null,
  };
}
