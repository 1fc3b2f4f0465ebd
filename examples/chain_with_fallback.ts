/**
 * A fallback whose primary is a chain: a forecast comes from the cache, else from the database, else
 * from an external service, and while that is down, from what is usual in the season.
 *
 * Run it: deno run examples/chain_with_fallback.ts
 */

// deno-lint-ignore-file no-console

import { bootstrap, chain, domainEvent, fallback, handlers, query, type } from "@sluice/cqrs";

interface Forecast {
  city: string;
  celsius: number;
  source: string;
}

const ReadForecast = query("forecast.read", type<{ city: string }>()).returns<Forecast>();
const ForecastFetched = domainEvent("forecast.fetched", type<Forecast>());

class ServiceDownError extends Error {
  override readonly name = "ServiceDownError";
}
class UnknownCityError extends Error {
  override readonly name = "UnknownCityError";
}

const cache = new Map<string, number>();
const database = new Map([["Oslo", -3]]);
const service = {
  isUp: true,
  cities: new Map([["Rome", 16], ["Cairo", 29]]),
  fetch(city: string): number {
    console.log(`  the service is asked for ${city}`);
    if (!this.isUp) throw new ServiceDownError("The service does not answer");
    const celsius = this.cities.get(city);
    if (celsius === undefined) throw new UnknownCityError(`There is no city ${city}`);
    return celsius;
  },
};

const registry = handlers()
  .on(
    ReadForecast,
    fallback(
      chain(
        async ({ city }, { next }) => {
          const celsius = cache.get(city);
          if (celsius !== undefined) return { city, celsius, source: "the cache" };
          const forecast = await next(); // what the links after this one answer passes through it
          cache.set(city, forecast.celsius);
          return forecast;
        },
        ({ city }, { next }) => {
          const celsius = database.get(city);
          return celsius === undefined ? next() : { city, celsius, source: "the database" };
        },
        ({ city }, { emit }) => {
          const forecast = { city, celsius: service.fetch(city), source: "the service" };
          emit(ForecastFetched(forecast));
          return forecast;
        },
      ),
      ({ city }) => ({ city, celsius: 10, source: "the average of the season" }),
      // That there is no such city is an answer, and the season does not know better.
      { when: (error) => error instanceof ServiceDownError },
    ),
  )
  .on(ForecastFetched, ({ city, celsius }) => {
    console.log(`  event: fetched ${celsius} °C for ${city}`);
    database.set(city, celsius);
  });

const app = bootstrap(registry);

async function ask(city: string): Promise<void> {
  console.log(city);
  try {
    const { celsius, source } = await app.send(ReadForecast({ city }));
    console.log(`  ${celsius} °C says ${source}`);
  } catch (error) {
    console.log(`  ${error}`);
  }
}

await ask("Oslo");
await ask("Oslo");
await ask("Rome");
await ask("Atlantis");

console.log("The service goes down, and the cache is emptied");
service.isUp = false;
cache.clear();
await ask("Rome");
await ask("Cairo");

console.log("The service is back");
service.isUp = true;
await ask("Cairo");
