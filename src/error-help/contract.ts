/** What one error means and what a person does about it. */
export interface ErrorHelp {
  readonly meaning: string;
  /** What to do now, in full sentences. */
  readonly nextStep: string;
}

/** Help for each code of an area; one that is left out does not compile. */
export type Help<Codes> = { readonly [Code in keyof Codes]: ErrorHelp };
