import assert from "node:assert/strict";
import { StatementTexts } from "../../../../src/storage/postgres/statement_writer.ts";

Deno.test("StatementTexts gives each statement its own text, whatever was written before it", () => {
  const texts = new StatementTexts();
  const write = (column: string, value: string, limit?: string) => {
    const w = texts.begin().sql("select ").sql(column).sql(" from t where a = ").value(value);
    if (limit !== undefined) w.sql(" and b < ").again(1).sql(" limit ").value(limit);
    return { text: w.text, parameters: w.parameters };
  };
  for (let round = 0; round < 2; round++) {
    for (const column of ["x", "y", "x"]) {
      assert.deepEqual(write(column, "1"), {
        text: `select ${column} from t where a = $1`,
        parameters: ["1"],
      });
      assert.deepEqual(write(column, "2", "3"), {
        text: `select ${column} from t where a = $1 and b < $1 limit $2`,
        parameters: ["2", "3"],
      });
    }
  }
});

Deno.test("StatementWriter.part() takes in a statement whose parameters follow those before", () => {
  const w = new StatementTexts().begin().value("a").sql(", ");
  w.part({ text: "$2, $3", parameters: ["b", null] }).sql(", ").value("c");
  assert.equal(w.text, "$1, $2, $3, $4");
  assert.deepEqual(w.parameters, ["a", "b", null, "c"]);
});
