/**
 * What the data and the answers of messages can be described with: schemas of zod, valibot and
 * arktype, types alone, classes, and all of them in one application.
 *
 * Inside a program types are the guard: making a message validates nothing. At its edges `parse`
 * validates what came from outside, and makes of it what the schema says.
 *
 * Run it: deno run examples/message_types.ts
 */

// deno-lint-ignore-file no-console

import { bootstrap, command, handlers, MessageValidationError, query, type } from "@sluice/cqrs";
import { type as ark } from "arktype";
import * as v from "valibot";
import { z } from "zod";

// zod, for the data and for the result, which is validated where it leaves the process. The schema
// turns text into a date and fills in what is missing.
const BookRoom = command(
  "room.book",
  z.object({
    room: z.string(),
    day: z.coerce.date("must be a day"),
    guests: z.number().min(1, "must be one at least").default(2),
  }),
).returns(z.object({ code: z.string() }));

// valibot, with a result that a type alone describes.
const RateStay = command(
  "stay.rate",
  v.object({ code: v.string(), stars: v.pipe(v.number(), v.maxValue(5, "must be five at most")) }),
).returns<{ average: number }>();

// arktype, with a class as the result: whoever sends it gets the very instance.
const FindBooking = query("booking.find", ark({ code: "string" })).returns<Booking>();

// Types alone, for what never comes from outside: a class as the data, and no result.
const RecordPayment = command("payment.record", type<Money>());

// No data at all, and a result.
const CountGuests = query("guests.count").returns<number>();

class Money {
  readonly cents: number;

  constructor(cents: number) {
    this.cents = cents;
  }

  toString(): string {
    return `${(this.cents / 100).toFixed(2)} EUR`;
  }
}

class Booking {
  readonly room: string;
  readonly day: Date;
  readonly guests: number;

  constructor({ room, day, guests }: { room: string; day: Date; guests: number }) {
    this.room = room;
    this.day = day;
    this.guests = guests;
  }

  describe(): string {
    return `${this.room} for ${this.guests} on ${this.day.toISOString().slice(0, 10)}`;
  }
}

const bookings = new Map<string, Booking>();
const stars: number[] = [];
const registry = handlers()
  .on(BookRoom, (data) => {
    const code = `B${bookings.size + 1}`;
    bookings.set(code, new Booking(data));
    return { code };
  })
  .on(RateStay, (rating) => {
    stars.push(rating.stars);
    return { average: stars.reduce((sum, each) => sum + each, 0) / stars.length };
  })
  .on(FindBooking, ({ code }) => {
    const booking = bookings.get(code);
    if (booking === undefined) throw new Error(`There is no booking ${code}`);
    return booking;
  })
  .on(RecordPayment, (amount) => console.log(`Paid: ${amount}`))
  .on(CountGuests, () => bookings.values().reduce((sum, { guests }) => sum + guests, 0));

const app = bootstrap(registry);

// From outside: text becomes a Date, and the guests that nobody counted become two.
const { code } = await app.send(await BookRoom.parse({ room: "Sea view", day: "2030-07-01" }));
// From inside: the types say what is needed.
await app.send(BookRoom({ room: "Attic", day: new Date("2030-07-02"), guests: 1 }));

const booking = await app.send(FindBooking({ code }));
console.log(`${code}: ${booking.describe()}`);
await app.send(RecordPayment(new Money(12_050)));
await app.send(RateStay({ code, stars: 4 }));
const { average } = await app.send(await RateStay.parse({ code, stars: 5 }));
console.log(`Guests: ${await app.send(CountGuests())}, rated ${average} on average`);

// Whatever the library, what it refuses is the same error, with every place and what is wrong there.
const refused = [
  () => BookRoom.parse({ room: "Attic", day: "some day", guests: 0 }),
  () => RateStay.parse({ code: "B1", stars: 6 }),
  () => FindBooking.parse({ code: 7 }),
];
for (const parse of refused) {
  try {
    await parse();
  } catch (error) {
    if (!(error instanceof MessageValidationError)) throw error;
    console.log(`Refused ${error.messageType}:`);
    for (const { path, message } of error.issues) console.log(`  ${path.join(".")}: ${message}`);
  }
}
