/**
 * A service for each version of python-cqrs, and the schema registry that they share.
 *
 * @module
 */

import { fromBinary } from "@bufbuild/protobuf";
import { notification } from "../../../mod.ts";
import type { PythonCqrsDescription, WireMessage } from "../../../src/broker/mod.ts";
import {
  protobufCodec,
  protobufInit,
  registryProtobufCodec,
  schemaRegistry,
} from "../../../src/protobuf/mod.ts";
import { RegistryServer } from "../../unit/protobuf/registry_server.ts";
import { pythonCqrsPackages, PythonService, type PythonVersion } from "./service.ts";
import { UserJoinedSchema } from "./user_joined_pb.ts";

/** What runs until it is stopped. */
export interface PythonServices {
  /** None if there is no Python. */
  readonly services: ReadonlyMap<PythonVersion, PythonService>;
  readonly registryUrl: string;
  stop(): Promise<void>;
}

/** Starts them all, for the tests of one file. */
export async function startServices(): Promise<PythonServices> {
  const packages = await pythonCqrsPackages();
  const registry = new RegistryServer();
  const server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen() {} },
    async ({ url, method, headers, body }) => {
      const text = body === null ? null : await new Response(body).text();
      const request = new Request(url, { method, headers, body: text });
      // The client of Python takes anything, which a registry answers with JSON.
      if (headers.get("accept") === "*/*") request.headers.set("accept", "application/json");
      return await registry.answer(request);
    },
  );
  const registryUrl = `http://127.0.0.1:${server.addr.port}`;
  const services = new Map<PythonVersion, PythonService>();
  for (const [version, folder] of packages ?? []) {
    services.set(version, new PythonService(version, folder, registryUrl));
  }
  return {
    services,
    registryUrl,
    async stop() {
      for (const service of services.values()) await service[Symbol.asyncDispose]();
      await server.shutdown();
    },
  };
}

/** The notification in the bytes of protobuf that a version writes. */
export function joinedInProtobuf(version: PythonVersion, topic: string, registryUrl: string) {
  const codec = version === "4.4.5"
    ? registryProtobufCodec(UserJoinedSchema, {
      registry: schemaRegistry({ url: registryUrl }),
      subject: `${topic}-value`,
    })
    : protobufCodec(UserJoinedSchema);
  const data = protobufInit(UserJoinedSchema);
  return notification("user.joined", { topic, data, codec });
}

/** Finds out what version 4 does not say: its frame has six bytes, for the first type of a file. */
export function describe({ body }: WireMessage): PythonCqrsDescription {
  const { eventId, eventName } = fromBinary(UserJoinedSchema, body.subarray(6));
  return { type: eventName, id: eventId };
}
