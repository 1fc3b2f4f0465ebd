import { type Context, token } from "../../../mod.ts";
import { container, type ServiceContainer } from "../../../src/container/mod.ts";
import { settled } from "./support.ts";

/** A service that lives as long as its scope. */
export const Unit = token<{ readonly number: number }>("unit of work");

/** A container with one scoped service, which notes its making and its end. */
export function workshop(): { services: ServiceContainer; log: string[] } {
  const log: string[] = [];
  let made = 0;
  const services = container().provide(Unit, () => {
    log.push(`unit ${++made} made`);
    return { number: made };
  }, {
    lifetime: "scoped",
    dispose: async ({ number }) => {
      await settled();
      log.push(`unit ${number} ended`);
    },
  });
  return { services, log };
}

/** The number of the unit of work that a context gives. */
export async function unitOf({ resolve }: Pick<Context, "resolve">): Promise<number> {
  return (await resolve(Unit)).number;
}
