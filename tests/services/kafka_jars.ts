/**
 * Finds what a Kafka broker runs with: a Java, and the jars of Kafka, which Maven brings once and which
 * stay in the user's cache.
 *
 * @module
 */

import { homedir } from "node:os";
import { installPackages } from "./apt.ts";

/** What Maven is asked for. All else follows from what these say that they need. */
const ARTIFACTS = [
  { group: "org.apache.kafka", name: "kafka_2.13", version: "4.4.0" },
  { group: "org.slf4j", name: "slf4j-simple", version: "1.7.36" },
] as const;

/** What Maven copies with; named with its version, so that it is the same everywhere. */
const COPY = "org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy-dependencies";

/** The version of the broker. */
export const kafkaVersion: string = ARTIFACTS[0].version;

/**
 * Resolves to the folder with all jars, or to `undefined` if there is no Java of at least 17, or no
 * Maven to bring them, and neither can be installed.
 */
export async function kafkaJars(): Promise<string | undefined> {
  if (!await hasJava() && !(await installPackages("default-jre-headless") && await hasJava())) {
    return undefined;
  }
  const cache = Deno.env.get("XDG_CACHE_HOME") ?? `${homedir()}/.cache`;
  const folder = `${cache}/sluice-tests/kafka-${kafkaVersion}`;
  if (await Deno.stat(folder).then(() => true, () => false)) return folder;
  if (!await runs("mvn", "-v") && !await installPackages("maven")) return undefined;
  await Deno.mkdir(`${cache}/sluice-tests`, { recursive: true });
  const draft = await Deno.makeTempDir({ dir: `${cache}/sluice-tests`, prefix: "draft-" });
  try {
    await copyJars(draft);
    // Another process may have been faster: then this one's work is dropped.
    await Deno.rename(`${draft}/jars`, folder).catch(() => {});
  } finally {
    await Deno.remove(draft, { recursive: true });
  }
  return folder;
}

/** Kafka 4 needs 17. */
async function hasJava(): Promise<boolean> {
  const output = await new Deno.Command("java", {
    args: ["-XshowSettings:properties", "-version"],
    stdin: "null",
    stdout: "null",
    stderr: "piped",
  }).output().catch(() => undefined);
  const text = new TextDecoder().decode(output?.stderr);
  return Number(/java\.specification\.version = (\S+)/.exec(text)?.[1]) >= 17;
}

async function runs(program: string, ...args: readonly string[]): Promise<boolean> {
  const command = new Deno.Command(program, {
    args: [...args],
    stdin: "null",
    stdout: "null",
    stderr: "null",
  });
  return await command.output().then(({ success }) => success, () => false);
}

async function copyJars(folder: string): Promise<void> {
  const dependencies = ARTIFACTS.map(({ group, name, version }) =>
    `<dependency><groupId>${group}</groupId><artifactId>${name}</artifactId>` +
    `<version>${version}</version></dependency>`
  );
  await Deno.writeTextFile(
    `${folder}/pom.xml`,
    `<project><modelVersion>4.0.0</modelVersion><groupId>tests</groupId>` +
      `<artifactId>kafka</artifactId><version>1</version>` +
      `<dependencies>${dependencies.join("")}</dependencies></project>`,
  );
  const { success, stdout } = await new Deno.Command("mvn", {
    // `-C`: a jar whose checksum is wrong is an error.
    args: ["-B", "-q", "-C", COPY, `-DoutputDirectory=${folder}/jars`, "-DincludeScope=runtime"],
    cwd: folder,
    stdin: "null",
    stdout: "piped",
    stderr: "null",
  }).output();
  if (!success) {
    throw new Error(`Cannot get the jars of Kafka: ${new TextDecoder().decode(stdout)}`);
  }
}
