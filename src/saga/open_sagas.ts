import type { OpenSagas } from "../mediator/mod.ts"; export const openSagas: OpenSagas = () => { throw new Error("x"); };
