// Rules of accessibility by name, evaluated in a page. Arguments: the names of rules, and the language that the page should
// have. Returns what is wrong, as texts that begin with the name of the rule.
const [wanted, language] = arguments;
const all = (selector, within = document) => [...within.querySelectorAll(selector)];
const isShown = (element) => element.checkVisibility({ visibilityProperty: true });
const clip = (element) => element.outerHTML.replace(/\s+/g, ' ').slice(0, 160);
const byIds = (ids) => ids.split(/\s+/).map((id) => document.getElementById(id)?.textContent ?? '').join(' ');

// The text that a screen reader has of an element: without children that it skips.
const textOf = (element) => {
  if (element.getAttribute('aria-hidden') === 'true') {
    return '';
  }
  const parts = [...element.childNodes].map((node) => {
    if (node.nodeType === Node.TEXT_NODE) {
      return node.data;
    }
    return node.nodeType === Node.ELEMENT_NODE ? node.getAttribute('alt') ?? textOf(node) : '';
  });
  return parts.join('');
};
const nameOf = (element) => {
  const labels = [...(element.labels ?? [])].map(textOf).join(' ');
  const own = element.labels === undefined || element.matches('button') ? textOf(element) : '';
  const attributes = (element.getAttribute('aria-label') ?? '') + byIds(element.getAttribute('aria-labelledby') ?? '');
  return (attributes + labels + own).trim();
};

// https://www.w3.org/TR/WCAG22/#dfn-contrast-ratio
const canvas = document.createElement('canvas').getContext('2d', { willReadFrequently: true });
const colours = new Map();
const parse = (colour) => {
  if (!colours.has(colour)) {
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = colour;
    canvas.fillRect(0, 0, 1, 1);
    const [red, green, blue, alpha] = canvas.getImageData(0, 0, 1, 1).data;
    colours.set(colour, { channels: [red, green, blue], alpha: alpha / 255 });
  }
  return colours.get(colour);
};
const over = (top, below) => top.channels.map((value, at) => value * top.alpha + below[at] * (1 - top.alpha));
const backgrounds = new Map();
const backgroundOf = (element) => {
  if (element === null) {
    return [255, 255, 255];
  }
  if (!backgrounds.has(element)) {
    const own = parse(getComputedStyle(element).backgroundColor);
    backgrounds.set(element, own.alpha === 1 ? own.channels : over(own, backgroundOf(element.parentElement)));
  }
  return backgrounds.get(element);
};
const luminance = (channels) => {
  const [red, green, blue] = channels.map((value) => {
    const share = value / 255;
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
};
const contrast = (colour, background) => {
  const [one, other] = [luminance(over(parse(colour), background)), luminance(background)];
  return (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05);
};
// Text for screen readers only has no size.
const isSeen = (element) => {
  const box = element.getBoundingClientRect();
  return isShown(element) && box.width > 1 && box.height > 1;
};
const textContrast = (element, style, background, what) => {
  const size = parseFloat(style.fontSize);
  const isLarge = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700);
  const ratio = contrast(style.color, background);
  return ratio < (isLarge ? 3 : 4.5) ? [`${what} ${ratio.toFixed(2)}: ${clip(element)}`] : [];
};

const FIELDS = 'input:not([type="hidden"]), select, textarea';
const rules = {
  'title': () => {
    const heading = document.querySelector('h1')?.textContent.trim();
    const isNamed = document.title.trim() !== '' && (!heading || document.title.includes(heading));
    return isNamed ? [] : [document.title];
  },
  'language': () => {
    const wrong = document.documentElement.lang === language ? [] : [document.documentElement.lang];
    return wrong.concat(all('[lang]').filter((element) => !/^[a-z]{2}(-[A-Z]{2})?$/.test(element.lang)).map(clip));
  },
  'labels': () => all(FIELDS).filter((field) => nameOf(field) === '').map(clip),
  'names': () => all('a[href], button, summary, nav + nav, nav:has(~ nav)').filter((element) => {
    return element.matches('nav') ? !element.hasAttribute('aria-label') : nameOf(element) === '';
  }).map(clip),
  'image-text': () => all('img, svg, input[type="image"], object, video, audio').filter((image) => {
    const hasText = image.hasAttribute('alt') || nameOf(image) !== '' || image.querySelector('title') !== null;
    return !hasText && image.getAttribute('aria-hidden') !== 'true';
  }).map(clip),
  'landmark': () => {
    const mains = all('main, [role="main"]').filter(isShown);
    return mains.length === 1 ? [] : [`${mains.length} main landmarks`];
  },
  'heading': () => {
    const headings = all('h1').filter(isShown);
    const isInMain = headings.length === 1 && headings[0].closest('main') !== null && nameOf(headings[0]) !== '';
    return isInMain ? [] : [`${headings.length} first headings`];
  },
  'heading-order': () => {
    let last = 0;
    return all('h1, h2, h3, h4, h5, h6').filter((heading) => {
      const level = Number(heading.localName[1]);
      const isWrong = level > last + 1 || textOf(heading).trim() === '';
      last = level;
      return isWrong;
    }).map(clip);
  },
  'ids': () => {
    const ids = all('[id]').map((element) => element.id);
    return [...new Set(ids.filter((id, at) => ids.indexOf(id) !== at))];
  },
  'references': () => all('[for], [aria-labelledby], [aria-describedby], a[href^="#"]').filter((element) => {
    const names = ['for', 'aria-labelledby', 'aria-describedby'].map((name) => element.getAttribute(name) ?? '');
    const link = element.matches('a[href^="#"]') ? decodeURIComponent(element.hash.slice(1)) : '';
    const ids = names.concat(link).join(' ').split(' ').filter((id) => id !== '');
    return ids.some((id) => document.getElementById(id) === null);
  }).map(clip),
  'tables': () => all('table').filter((table) => {
    const isScoped = all('th', table).every((cell) => cell.hasAttribute('scope') && textOf(cell).trim() !== '');
    return table.caption === null || !isScoped || all('th', table).length === 0;
  }).map(clip),
  'native-controls': () => all('[onclick], [role="button"], [role="link"], [tabindex]').filter((element) => {
    return element.tabIndex > 0 || !element.matches('[tabindex="-1"], button, a[href]');
  }).map(clip),
  'contrast': () => {
    const found = [];
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    const seen = new Set();
    while (walker.nextNode()) {
      const element = walker.currentNode.parentElement;
      const isOwn = element.matches('option, script, style, :disabled');
      if (walker.currentNode.data.trim() === '' || isOwn || seen.has(element) || !isSeen(element)) {
        continue;
      }
      seen.add(element);
      const style = getComputedStyle(element);
      const isFaded = style.opacity !== '1' ? [`opacity ${style.opacity}: ${clip(element)}`] : [];
      found.push(...textContrast(element, style, backgroundOf(element), 'text'), ...isFaded);
    }
    for (const field of all('[placeholder]:not([placeholder=""])')) {
      found.push(...textContrast(field, getComputedStyle(field, '::placeholder'), backgroundOf(field), 'placeholder'));
    }
    for (const field of all(FIELDS).filter(isSeen)) {
      found.push(...textContrast(field, getComputedStyle(field), backgroundOf(field), 'value'));
    }
    for (const item of all('ol > li').filter(isSeen)) {
      found.push(...textContrast(item, getComputedStyle(item, '::marker'), backgroundOf(item), 'number'));
    }
    return found;
  },
  'width': () => {
    const root = document.documentElement;
    if (root.scrollWidth <= root.clientWidth) {
      return [];
    }
    const wide = all('body *').filter((element) => element.getBoundingClientRect().right > root.clientWidth + 1);
    return [`${root.scrollWidth} in ${root.clientWidth}: ${wide.slice(0, 3).map(clip).join(' ')}`];
  },
  // Begins to note where the keyboard leads; `focus` reports it.
  'watch-focus': () => {
    const controls = all(`a[href], button:enabled, summary, ${FIELDS}`).filter((element) => {
      return isShown(element) && element.tabIndex >= 0;
    });
    window.focusWatch = { controls, stops: [] };
    document.addEventListener('focusin', ({ target }) => {
      const style = getComputedStyle(target);
      const box = target.getBoundingClientRect();
      const outside = backgroundOf(target.parentElement);
      const isVisible = style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2
        && contrast(style.outlineColor, outside) >= 3 && box.width > 1 && box.left >= 0 && box.left < innerWidth;
      window.focusWatch.stops.push({ target, isVisible });
    });
    return [];
  },
  'focus': () => {
    const { controls, stops } = window.focusWatch;
    const hidden = stops.filter(({ isVisible }) => !isVisible).map(({ target }) => `not visible: ${clip(target)}`);
    const at = stops.findIndex(({ target }, index) => target !== controls[index]);
    if (at >= 0) {
      return hidden.concat(`stop ${at} is ${clip(stops[at].target)}, not ${controls[at] && clip(controls[at])}`);
    }
    return stops.length < Math.min(controls.length, 100) ? hidden.concat(`only ${stops.length} stops`) : hidden;
  },
};
return wanted.flatMap((name) => rules[name]().map((found) => `${name}: ${found}`));
