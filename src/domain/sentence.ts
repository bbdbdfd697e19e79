/** The words with a capital in front and a full stop behind, as far as they have none. */
export function sentence(words: string): string {
  const capital = words.slice(0, 1).toUpperCase() + words.slice(1);
  return /[.!?]$/u.test(capital) ? capital : `${capital}.`;
}
