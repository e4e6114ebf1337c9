// What the pages do beyond HTML: a file can be chosen for a text field, or dropped on it, and a command copied. Everything else
// works without this.
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
