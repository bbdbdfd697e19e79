const OPEN = 'details.menu[open]';

/** Closes an open menu like any other: by a choice in it, a press beside it, or Escape. */
export function closeMenusByThemselves(): void {
  document.addEventListener('click', ({ target }) => {
    for (const menu of document.querySelectorAll<HTMLDetailsElement>(OPEN)) {
      const summary = menu.querySelector('summary');
      const opens = target instanceof Node && summary?.contains(target) === true;
      if (!opens) menu.open = false;
    }
  });
  document.addEventListener('keydown', ({ key }) => {
    if (key !== 'Escape') return;
    for (const menu of document.querySelectorAll<HTMLDetailsElement>(OPEN)) {
      const had = menu.contains(document.activeElement);
      menu.open = false;
      if (had) menu.querySelector('summary')?.focus();
    }
  });
}
