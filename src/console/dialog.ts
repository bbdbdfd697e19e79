import { html, render, type TemplateResult } from 'lit-html';

/** Ends a dialog with its answer. */
export type Finish<Answer> = (answer: Answer) => void;

/**
 * Asks in a modal dialog and answers what the person chose; `undefined` when they left it with Escape.
 * The element labelled `dialog-title` names it. The keyboard comes back to where it was.
 */
export function askInDialog<Answer>(
  content: (finish: Finish<Answer | undefined>) => TemplateResult,
): Promise<Answer | undefined> {
  const dialog = document.createElement('dialog');
  dialog.setAttribute('aria-labelledby', 'dialog-title');
  document.body.append(dialog);
  return new Promise((resolve) => {
    const finish = (answer: Answer | undefined) => {
      dialog.close();
      dialog.remove();
      resolve(answer);
    };
    dialog.addEventListener('cancel', () => finish(undefined));
    render(content(finish), dialog);
    dialog.showModal();
  });
}

export interface Confirmation {
  readonly title: string;
  /** What follows from it, in full. */
  readonly words: string;
  /** The button that does it. */
  readonly action: string;
}

/** Asks once more before something is over for a customer. */
export async function askBefore({ title, words, action }: Confirmation): Promise<boolean> {
  const agreed = await askInDialog<boolean>(
    (finish) => html`
      <h2 id="dialog-title">${title}</h2>
      <p>${words}</p>
      <p class="buttons">
        <button class="ending" @click=${() => finish(true)}>${action}</button>
        <button class="quiet" autofocus @click=${() => finish(false)}>No, go back</button>
      </p>
    `,
  );
  return agreed === true;
}

export interface Line {
  readonly title: string;
  readonly words: string;
  /** What the field asks for. */
  readonly label: string;
  readonly action: string;
  readonly maxLength: number;
}

/** Asks for one line of text; `undefined` when the person goes back. */
export function askForLine(line: Line): Promise<string | undefined> {
  return askInDialog<string>((finish) => {
    const submit = (event: SubmitEvent) => {
      event.preventDefault();
      const text = fieldsOf(event).line?.trim() ?? '';
      if (text !== '') finish(text);
    };
    return html`
      <form @submit=${submit}>
        <h2 id="dialog-title">${line.title}</h2>
        <p>${line.words}</p>
        <label class="field"><span>${line.label}</span>
          <input name="line" required autofocus autocomplete="off" maxlength=${line.maxLength}>
        </label>
        <p class="buttons">
          <button>${line.action}</button>
          <button type="button" class="quiet" @click=${() => finish(undefined)}>Go back</button>
        </p>
      </form>
    `;
  });
}

/** What stands in the fields of the form that is sent, by their names. */
export function fieldsOf(event: SubmitEvent): { readonly [name: string]: string } {
  const { target } = event;
  if (!(target instanceof HTMLFormElement)) return {};
  return Object.fromEntries(
    [...new FormData(target)].map(([name, value]) => [name, String(value).trim()]),
  );
}
