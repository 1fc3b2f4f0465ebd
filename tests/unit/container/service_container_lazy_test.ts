import assert from "node:assert/strict";
import { container } from "../../../src/container/mod.ts";

class Factory {
  readonly make: () => Promise<Widget>;

  constructor(make: () => Promise<Widget>) {
    this.make = make;
  }
}

class Widget {
  readonly factory: Factory;

  constructor(factory: Factory) {
    this.factory = factory;
  }
}

for (const lifetime of ["singleton", "transient"] as const) {
  Deno.test(`a singleton may resolve later a ${lifetime} service that needs it: no circle, as it is finished`, async () => {
    const services = container()
      .provide(Factory, ({ resolve }) => new Factory(() => resolve(Widget)), {
        lifetime: "singleton",
      })
      .provide(Widget, async ({ resolve }) => new Widget(await resolve(Factory)), { lifetime });
    const factory = await services.resolve(Factory);
    assert.equal((await factory.make()).factory, factory);
  });
}

Deno.test("a singleton that resolves a service which needs it while it is being made is a circle", async () => {
  const services = container()
    .provide(Factory, async ({ resolve }) => {
      const widget = await resolve(Widget);
      return new Factory(() => Promise.resolve(widget));
    }, { lifetime: "singleton" })
    .provide(Widget, async ({ resolve }) => new Widget(await resolve(Factory)));
  await assert.rejects(services.resolve(Factory), /Factory needs Widget needs Factory/);
});
