import type { OpenSagas } from "../mediator/mod.ts";
import { SagaEngine } from "./saga_engine.ts";

/** Makes what runs the sagas of an application. */
export const openSagas: OpenSagas = (bindings, host) => new SagaEngine(bindings, host);
