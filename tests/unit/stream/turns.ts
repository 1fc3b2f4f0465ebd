/** Lets everything run that does not wait for something else than promises that are settled. */
export async function turns(): Promise<void> {
  for (let turn = 0; turn < 50; turn++) await undefined;
}
