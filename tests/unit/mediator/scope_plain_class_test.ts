import assert from "node:assert/strict";
import { bootstrap, handlers, query } from "../../../mod.ts";

const Answer = query("answer").returns<number>();

class Needy {
  protected readonly value: number;

  constructor(value: number) {
    this.value = value;
  }
}

class Modest {
  protected readonly value: number;

  constructor() {
    this.value = 41;
  }
}

class Optional {
  protected readonly value: number;

  constructor(value = 41) {
    this.value = value;
  }
}

Deno.test("bootstrap() without a container refuses a class whose inherited constructor takes something", () => {
  class Inheriting extends Needy {
    handle(): number {
      return this.value;
    }
  }
  class Further extends Inheriting {}
  for (const Handler of [Inheriting, Further]) {
    const registry = handlers().on(Answer, Handler);
    assert.throws(() => bootstrap(registry), {
      name: "TypeError",
      message: `Cannot handle "answer" as the container does not know "${Handler.name}"`,
    });
  }
});

Deno.test("bootstrap() without a container builds a class whose inherited constructor takes nothing", async () => {
  class Inheriting extends Modest {
    handle(): number {
      return this.value + 1;
    }
  }
  class Further extends Inheriting {}
  for (const Handler of [Inheriting, Further]) {
    assert.equal(await bootstrap(handlers().on(Answer, Handler)).send(Answer()), 42);
  }
});

Deno.test("bootstrap() without a container builds a class that gives its base what that takes", async () => {
  class Giving extends Needy {
    constructor() {
      super(42);
    }
    handle(): number {
      return this.value;
    }
  }
  assert.equal(await bootstrap(handlers().on(Answer, Giving)).send(Answer()), 42);
});

Deno.test("bootstrap() without a container builds a class that inherits a constructor with defaults", async () => {
  class Inheriting extends Optional {
    handle(): number {
      return this.value + 1;
    }
  }
  assert.equal(await bootstrap(handlers().on(Answer, Inheriting)).send(Answer()), 42);
});
