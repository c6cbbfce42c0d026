/** What is wrong with a model's file or a sound, in one sentence for the user. */
export class TasnetError extends Error {}
