/**
 * Reads the repository for the tests in this folder: its files, their imports,
 * its settings, and what the Deno that runs the tests says about it.
 *
 * @module
 */

/** The top folder of the repository. */
export const root: URL = new URL("../../", import.meta.url);

/** One import or re-export of a file. */
export interface Import {
  readonly specifier: string;
  /** Whether only types are imported, so that nothing is left of it at run time. */
  readonly typesOnly: boolean;
}

/** The settings in `deno.json` that the tests look at. */
export interface Settings {
  readonly name: string;
  readonly version: string;
  readonly exports: Readonly<Record<string, string>>;
  readonly tasks: Readonly<Record<string, Task>>;
}

/** One task of `deno.json`. */
export interface Task {
  readonly command?: string;
}

/** Reads a file, by its path from the top folder. */
export function readText(path: string): Promise<string> {
  return Deno.readTextFile(new URL(path, root));
}

/** Reads `deno.json`; a task that is only a command there comes as an object too. */
export async function readSettings(): Promise<Settings> {
  const settings = JSON.parse(await readText("deno.json"));
  const tasks: Record<string, Task> = {};
  for (const [name, task] of Object.entries<string | Task>(settings.tasks)) {
    tasks[name] = typeof task === "string" ? { command: task } : task;
  }
  return { ...settings, tasks };
}

/** Lists the files of a folder and of the folders in it, by their paths from the top folder, sorted. */
export async function listFiles(folder: string, suffix: string): Promise<string[]> {
  const paths: string[] = [];
  for await (const entry of Deno.readDir(new URL(`${folder}/`, root))) {
    const path = `${folder}/${entry.name}`;
    if (entry.isDirectory) paths.push(...await listFiles(path, suffix));
    else if (path.endsWith(suffix)) paths.push(path);
  }
  return paths.sort();
}

/** Whether a file or folder exists. */
export async function exists(path: string): Promise<boolean> {
  try {
    await Deno.stat(new URL(path, root));
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

// A string is matched as a whole, so that what looks like a comment inside it stays.
const stringOrComment =
  /("(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'|`(?:[^`\\]|\\[\s\S])*`)|\/\*[\s\S]*?\*\/|\/\/[^\n]*/g;

/** Blanks the comments of a source and keeps its lines. */
export function withoutComments(source: string): string {
  return source.replace(
    stringOrComment,
    (match, text: string | undefined) => text ?? match.replace(/[^\n]/g, " "),
  );
}

// `deno fmt` starts every static import at the beginning of a line and quotes it with `"`.
const staticImport = /^(?:import|export)\s+(type\s+)?(?:([\w$*{][^;"']*?)\s*from\s*)?"([^"]+)"/gm;
const inlineImport = /\bimport\(\s*"([^"]+)"\s*\)/g;

/** Lists every import of a source: static, dynamic, re-exported, and inside types. */
export function importsOf(source: string): Import[] {
  const code = withoutComments(source);
  const imports: Import[] = [];
  for (const [, type, clause, specifier = ""] of code.matchAll(staticImport)) {
    imports.push({ specifier, typesOnly: type !== undefined || namesTypesOnly(clause) });
  }
  for (const [, specifier = ""] of code.matchAll(inlineImport)) {
    imports.push({ specifier, typesOnly: false });
  }
  return imports;
}

function namesTypesOnly(clause: string | undefined): boolean {
  const names = clause?.match(/^\{([\s\S]*)\}$/)?.[1]?.split(",").map((name) => name.trim());
  return names?.filter(Boolean).every((name) => name.startsWith("type ")) ?? false;
}

const exportList = /^export\s+(type\s+)?\{([^}]*)\}\s*from\s*"[^"]+"/gm;

/** The names that a `mod.ts` exports, each as it is written there: `type Clock` or `systemClock`. */
export function exportedNames(source: string): string[] {
  const names: string[] = [];
  for (const [, type, list = ""] of withoutComments(source).matchAll(exportList)) {
    for (const name of list.split(",").map((item) => item.trim()).filter(Boolean)) {
      const exported = name.replace(/^(type )?.* as /, "$1");
      names.push(
        type === undefined || exported.startsWith("type ") ? exported : `type ${exported}`,
      );
    }
  }
  return names.sort(compareNames);
}

function compareNames(left: string, right: string): number {
  const [a, b] = [left.replace(/^type /, ""), right.replace(/^type /, "")];
  return a < b ? -1 : a > b ? 1 : 0;
}

/** Runs the Deno that runs the tests, in the top folder, and returns what it printed. */
export async function runDeno(
  args: readonly string[],
): Promise<{ code: number; stdout: string; stderr: string }> {
  const output = await new Deno.Command(Deno.execPath(), {
    args: [...args],
    cwd: root,
    env: { NO_COLOR: "1" },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).output();
  const decoder = new TextDecoder();
  return {
    code: output.code,
    stdout: decoder.decode(output.stdout),
    stderr: decoder.decode(output.stderr),
  };
}
