// What the pages do beyond HTML: a file can be chosen for a text field, or dropped on it, a command copied, and lists say what
// is new. Everything else works without this.
'use strict';

for (const area of document.querySelectorAll('textarea[data-file]')) {
  const input = document.createElement('input');
  input.type = 'file';
  input.id = area.id + '-file';
  input.accept = '.json,application/json,application/fhir+json';
  const label = document.createElement('label');
  label.htmlFor = input.id;
  label.textContent = area.dataset.file;
  const message = document.createElement('p');
  message.setAttribute('role', 'alert');
  const paragraph = document.createElement('p');
  paragraph.append(label, input);
  area.parentElement.after(paragraph, message);

  const read = async (file) => {
    const isTooLarge = file.size > Number(area.dataset.max);
    message.textContent = isTooLarge ? area.dataset.tooLarge : '';
    if (!isTooLarge) {
      area.value = await file.text();
    }
  };
  input.addEventListener('change', () => {
    if (input.files.length > 0) {
      read(input.files[0]);
    }
  });
  area.addEventListener('dragover', (event) => {
    event.preventDefault();
    area.classList.add('over');
  });
  area.addEventListener('dragleave', () => area.classList.remove('over'));
  area.addEventListener('drop', (event) => {
    area.classList.remove('over');
    if (event.dataTransfer.files.length > 0) {
      event.preventDefault();
      read(event.dataTransfer.files[0]);
    }
  });
}

for (const text of document.querySelectorAll('pre[data-copy]')) {
  // Browsers offer it on loopback and under https.
  if (!navigator.clipboard) {
    continue;
  }
  const button = document.createElement('button');
  button.type = 'button';
  button.textContent = text.dataset.copy;
  button.addEventListener('click', () => navigator.clipboard.writeText(text.textContent));
  text.after(button);
}

// Listens while the page is shown: a browser has few connections to a server.
const listen = (url, listeners) => {
  let source = null;
  let last = '';
  const open = () => {
    const target = new URL(url, location.href);
    if (last !== '') {
      target.searchParams.set('after', last);
    }
    source = new EventSource(target);
    source.addEventListener('error', () => {
      // Refused, or the session has ended: the browser does not try again.
      if (source.readyState === EventSource.CLOSED && listeners.reload) {
        listeners.reload();
      }
    });
    for (const [name, listener] of Object.entries(listeners)) {
      source.addEventListener(name, (event) => {
        last = event.lastEventId;
        listener(event);
      });
    }
  };
  const follow = () => {
    if (document.hidden && source !== null) {
      source.close();
      source = null;
    } else if (!document.hidden && source === null) {
      open();
    }
  };
  document.addEventListener('visibilitychange', follow);
  follow();
};

// New exchanges come on top of the list, oldest first; while it is paused, they wait.
for (const list of document.querySelectorAll('[data-stream]')) {
  const maxRows = 200;
  const table = list.querySelector('table');
  const status = document.createElement('p');
  status.setAttribute('role', 'status');
  const button = document.createElement('button');
  button.type = 'button';
  button.textContent = list.dataset.pause;
  list.prepend(status, button);
  const none = document.querySelector('[data-none]');
  const waiting = [];
  let isPaused = false;
  let number = 0;

  const show = () => {
    for (const row of waiting.splice(0)) {
      table.tBodies[0].prepend(row);
    }
    table.hidden = table.tBodies[0].rows.length === 0;
    if (none !== null) {
      none.hidden = !table.hidden;
    }
    while (table.tBodies[0].rows.length > maxRows) {
      table.tBodies[0].lastElementChild.remove();
    }
  };
  const add = (event) => {
    const parsed = new DOMParser().parseFromString(`<table><tbody>${event.data}</tbody></table>`, 'text/html');
    waiting.push(...parsed.querySelectorAll('tr'));
    waiting.splice(0, waiting.length - maxRows);
    number += 1;
    status.textContent = list.dataset.new.replace('{n}', number);
    if (!isPaused) {
      show();
    }
  };
  const reload = () => {
    status.textContent = list.dataset.reload;
  };
  listen(list.dataset.stream, { exchange: add, reload });
  button.addEventListener('click', () => {
    isPaused = !isPaused;
    button.textContent = isPaused ? list.dataset.resume : list.dataset.pause;
    if (!isPaused) {
      show();
    }
  });
}

for (const note of document.querySelectorAll('[data-changes]')) {
  const show = () => {
    note.hidden = false;
  };
  listen(note.dataset.changes, { change: show });
}
