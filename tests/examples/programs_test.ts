/**
 * Runs every program of `examples` that is a single file, as its doc comment says, and compares all
 * that it prints.
 *
 * @module
 */

import assert from "node:assert/strict";
import { readText, root } from "../architecture/repository.ts";

/** What each program prints. */
const programs: Readonly<Record<string, string>> = {
  "chain.ts": `\
Ada has to pay 49.00
  event: Ada has paid by card
  answer: 49.00 by card
Bob has to pay 49.00
  event: Bob cannot pay by card
  event: Bob has paid by PayPal as bob@mail.example
  answer: 49.00 by PayPal
Cleo has to pay 49.00
  event: Cleo has paid by transfer from DE02 1203 0000 0000 2020 51
  answer: 49.00 by bank transfer
Dan has to pay 49.00
  answer: 54.00 by invoice
`,
  "chain_diagram.ts": `\
\`\`\`mermaid
---
title: "How an invoice is paid"
---
sequenceDiagram
    participant C as Chain
    participant H1 as CardLink
    participant H2 as PayPalLink
    participant H3 as sendInvoice
    participant F1 as printInvoice

    Note over C: Chain Execution Flow
    C->>H1: handle()
    alt CardLink can handle
        H1-->>C: result
        Note over H1: Handler processed, chain stops
    else
        Note over H1: Cannot handle, passing to next
        H1->>H2: next()
        alt PayPalLink can handle
            H2-->>C: result
            Note over H2: Handler processed, chain stops
        else
            Note over H2: Cannot handle, passing to next
            H2->>H3: next()
            alt success
                H3-->>C: result
                Note over H3: Handler processed (default)
            else error
                H3--xC: error
                Note over C: Fallback triggered
                C->>F1: handle()
                F1-->>C: result
                Note over F1: Handler processed (default)
            end
        end
    end
\`\`\`

\`\`\`mermaid
classDiagram
    class C["Chain"] {
        <<chain>>
        handlers: 4
    }

    class H1["CardLink"] {
        <<link>>
        +handle()
    }

    class H2["PayPalLink"] {
        <<link>>
        +handle()
    }

    class H3["sendInvoice"] {
        <<default>>
        +handle()
    }

    class F1["printInvoice"] {
        <<fallback>>
        +handle()
    }

    C --> H1 : first
    H1 --> H2 : next
    H2 --> H3 : otherwise
    H3 ..> F1 : fallback
\`\`\`

`,
  "chain_with_fallback.ts": `\
Oslo
  -3 °C says the database
Oslo
  -3 °C says the cache
Rome
  the service is asked for Rome
  event: fetched 16 °C for Rome
  16 °C says the service
Atlantis
  the service is asked for Atlantis
  UnknownCityError: There is no city Atlantis
The service goes down, and the cache is emptied
Rome
  16 °C says the database
Cairo
  the service is asked for Cairo
  10 °C says the average of the season
The service is back
Cairo
  the service is asked for Cairo
  event: fetched 29 °C for Cairo
  29 °C says the service
`,
  "consumer.ts": `\
The consumer works until nothing comes any more
  m1: handled at attempt 1
  m1: duplicate
  m2: failed, attempt 1: The mail server does not answer
  m2: handled at attempt 2
  m3: given up after 1 attempts: Cleo has no address
  m4: given up after 0 attempts: Cannot decode 1 bytes as data of "order.placed"
  m5: handled at attempt 1
{"hasMore":false,"handled":3,"duplicates":1,"unhandled":0,"failed":1,"deadLettered":2}
What was written, and what waits for the relay
  Ada: 500
  Bob: 700
  Cleo: nothing
  {"order":"o4","cents":100}
  {"order":"o1","cents":500}
  {"order":"o2","cents":700}
What was given up
  m3: RangeError: Cleo has no address
  m4: MessageDecodeError: Cannot decode 1 bytes as data of "order.placed"
`,
  "domain_events.ts": `\
Ada orders for 60.00:
  level 1, stock: reserve what order A1 needs
  level 1, mail: confirm to Ada
  level 1, points: count 6000 for Ada
  level 2, status: Ada has 6000 points
Ada orders for 50.00:
  level 1, stock: reserve what order A2 needs
  level 1, mail: confirm to Ada
  level 1, points: count 5000 for Ada
  level 2, status: Ada has 11000 points
  level 3, mail: Ada, you are gold
Everything that follows from A2 has been done
Ada orders for nothing:
  RangeError: An order must cost something
Nobody orders for 1.00:
  level 1, stock: reserve what order N1 needs
  level 1, points: count 100 for nobody
  level 2, status: nobody has 100 points
The command succeeded: {"id":"N1"}
A handler of order.placed failed: Error: nobody@shop.example does not exist
Nobody orders again, and failures are isolated:
  level 1, stock: reserve what order N2 needs
  level 1, points: count 100 for nobody
Observed: order.placed: Error: nobody@shop.example does not exist
  level 2, status: nobody has 200 points
Answer: {"id":"N2"}
`,
  "event_fallback.ts": `\
Ada buys:
  stock: hand out what Ada has bought
  archive: Ada's receipt went by mail
Bob buys:
  stock: hand out what Bob has bought
  dropped: receipt.sent {"customer":"Bob","by":"mail"}
  fell back: MailRefusedError: Bob has no mailbox
  archive: Bob's receipt went by letter to 1 Main Street
Cleo buys:
  stock: hand out what Cleo has bought
  dropped: receipt.sent {"customer":"Cleo","by":"mail"}
  fell back: MailRefusedError: Cleo has no mailbox
  Cannot complete the handling of event "sold": Error: Nobody knows where Cleo lives
`,
  "hono_routes.ts": `\
ada: PUT /meetings/m1 {"title":"Planning"}
  204
ada: POST /meetings/m1/members
  200 {"seat":1}
bob: POST /meetings/m1/members
  200 {"seat":2}
bob: GET /meetings/m1
  200 {"title":"Planning","members":["ada","bob"]}
bob: GET /meetings/m1/members/stream
  200 event: start
      data: {"run":"<id>"}
      event: item
      data: {"name":"ada"}
      event: item
      data: {"name":"bob"}
      event: done
      data: {}
bob: GET /meetings/m1/title
  200 Planning
bob: GET /meetings/m2
  404 {"type":"about:blank","title":"Not Found","status":404,"detail":"There is no meeting m2","code":"meeting_not_found"}
bob: PUT /meetings/m2 {"title":7}
  400 {"type":"about:blank","title":"Bad Request","status":400,"detail":"The data of the request is not valid","code":"message_validation","issues":[{"message":"must be a text","path":["title"]}]}
nobody: GET /meetings/m1
  401 Who are you?
calendar: POST /webhooks/calendar {"id":"m1","day":"2030-07-01"}
  event: meeting m1 is on 2030-07-01 now
  204
calendar: POST /webhooks/calendar {"id":"m1","day":"soon"}
  400 {"type":"about:blank","title":"Bad Request","status":400,"detail":"The data of the request is not valid","code":"message_validation","issues":[{"message":"must be a day","path":["day"]}]}
`,
  "idempotent_route.ts": `\
Ada pays, and does not get the answer
  payment 1: 500 cents
  200: R1
So she asks again
  200: R1
The same key does not do for something else
  422: The key was used for another request
Without a key it is refused here
  400: The request needs a header Idempotency-Key
While a payment is being made, the same request has to wait
  409: The same request is being handled, to be asked again after 30 s at the latest
  payment 2: 700 cents
  200: R2
  200: R2
Answers are kept for some days; then a job forgets them
  2 are gone
`,
  "message_types.ts": `\
B1: Sea view for 2 on 2030-07-01
Paid: 120.50 EUR
Guests: 3, rated 4.5 on average
Refused room.book:
  day: must be a day
  guests: must be one at least
Refused stay.rate:
  stars: must be five at most
Refused booking.find:
  code: code must be a string (was a number)
`,
  "middlewares.ts": `\
  attempt 1 failed, the next follows in 100 ms
  attempt 2 failed, the next follows in 200 ms
  log: handled text.translate
  timing: text.translate took 360 ms
HELLO
  log: text.summarize failed with TimeoutError: Cannot wait any longer: the limit of 1000 ms has passed
  timing: text.summarize took 1000 ms
TimeoutError: Cannot wait any longer: the limit of 1000 ms has passed
  log: handled text.letters
  timing: text.letters took 25 ms
h e l l o
  log: handled text.publish
  timing: text.publish took 0 ms
"hello", by Ada
  log: text.publish failed with Error: Bob may not do this
  timing: text.publish took 0 ms
Error: Bob may not do this
  log: text.publish failed with Error: Nobody is signed in
  timing: text.publish took 0 ms
Error: Nobody is signed in
`,
  "notifications.ts": `\
Nothing is published for m3: There is no user u2
Topic user_notification_events:
  user.joined from /meetings, key m1, schema version none
    headers {"region":"eu"}, data {"meetingId":"m1","userId":"u1"}
  user.joined from /meetings, key m2, schema version none
    headers {"region":"eu"}, data {"meetingId":"m2","userId":"u1"}
Topic user_ecst_events:
  user.joined from /meetings, key u1, schema version 1
    headers {}, data {"userId":"u1","name":"Ada","meetings":["m0","m1"]}
  user.joined from /meetings, key u1, schema version 1
    headers {}, data {"userId":"u1","name":"Ada","meetings":["m0","m1","m2"]}
Billing charges u1 for m1 in region eu
Billing charges u1 for m2 in region eu
NoPublisherError: Cannot emit notification "user.joined" as no broker or storage is configured
`,
  "operations.ts": `\
POST /tick/purge, without the secret
  401 {"type":"about:blank","title":"Unauthorized","status":401,"detail":"The request needs a secret","code":"unauthorized"}
POST /tick/purge, with the secret
  200 {"hasMore":true,"left":50}
POST /tick/purge, with the secret
  200 {"hasMore":false,"left":0}
GET /health, without the secret
  503 {"status":"fail","checks":{"database":[{"status":"pass"}],"mail":[{"status":"fail"}]}}
GET /health, with the secret
  503 {"status":"fail","checks":{"database":[{"status":"pass","observedValue":0,"observedUnit":"ms","time":"1970-01-01T00:00:01.200Z"}],"mail":[{"status":"fail","observedValue":0,"observedUnit":"ms","time":"1970-01-01T00:00:01.200Z","output":"10.0.0.7:25 refused the connection"}]}}
HEAD /health, without the secret
  503
POST /parcel, ada for the first time
  start
  item "packed"
POST /parcel, bob comes back
  stream_gone {"type":"about:blank","title":"Gone","status":410,"detail":"The stream cannot be resumed","code":"stream_gone"}
POST /parcel, ada comes back
  item "sent"
  item "delivered"
  done {}
POST /paid, as it was signed
  event: parcel p1 is paid
  204
POST /paid, forged
  401 The signature is wrong
POST /paid, without a signature
  401 The signature is wrong
`,
  "outbox.ts": `\
Nothing is written, and nothing is published: ada cannot have -20
Stored: 6 messages
The relay publishes
  refused, attempt 1: account.moved of bob
  given up: account.moved of bob
  {"hasMore":false,"published":2,"failed":1,"deadLettered":1}
  account_events: account.moved of ada {"account":"ada","amount":50}
  account_events: account.moved of ada {"account":"ada","amount":-10}
Bob goes on, but his key is parked behind the dead letter
  {"hasMore":false,"published":0,"failed":0,"deadLettered":0}
  dead after 2 attempts: account.moved of bob: Error: No bob, please
  the health check: OutboxLagError
Somebody has looked after it, and puts it back
  account_events: account.moved of ada {"account":"ada","amount":50}
  account_events: account.moved of ada {"account":"ada","amount":-10}
  account_events: account.moved of bob {"account":"bob","amount":20}
  account_events: account.moved of bob {"account":"bob","amount":5}
The relay of the other topic runs until it is told to stop
  account_states: account.balance of ada {"account":"ada","balance":50}
  account_states: account.balance of bob {"account":"bob","balance":20}
  account_states: account.balance of ada {"account":"ada","balance":40}
  account_states: account.balance of bob {"account":"bob","balance":25}
`,
  "outbox_deno_kv.ts": `\
Apples left: 0
There are 0 apples, not 1
Published: 10, at the broker: 10
Left in the outbox: 0
`,
  "outbox_edge.ts": `\
Behind the response: 1 published
The cron publishes 1
The route: 200 {"hasMore":false,"published":1,"failed":0,"deadLettered":0}
Health: 200
At the broker: 3
`,
  "parallel_events.ts": `\
With a concurrency of 1:
  A1 is processed, calls done: stock, mail, statistics
  A2 is processed, calls done: stock, mail, statistics, review
  A3 is processed, calls done: stock, mail, statistics
  the most at the same time: 1
With a concurrency of 2:
  A1 is processed, calls done: stock, mail, statistics
  A2 is processed, calls done: stock, mail, statistics, review
  A3 is processed, calls done: stock, mail, statistics
  the most at the same time: 2
With a concurrency of Infinity:
  A1 is processed, calls done: stock, mail, statistics
  A2 is processed, calls done: stock, mail, statistics, review
  A3 is processed, calls done: stock, mail, statistics
  the most at the same time: 4
Leaving after A1:
  calls in all: 3
`,
  "request_fallback.ts": `\
The price of a lamp, with the supplier up:
  49.90 from the supplier
The price of a unicorn, with the supplier up:
  UnknownArticleError: There is no article "unicorn"
The price of a lamp, with the supplier hanging:
  fell back: TimeoutError: Cannot wait any longer: the limit of 1000 ms has passed
  54.90 from the price list
The price of a lamp, with the supplier down:
  the circuit was closed and is open
  fell back: Error: The supplier does not answer
  54.90 from the price list
The price of a lamp, with the supplier down:
  fell back: refused by the circuit
  54.90 from the price list
The price of a lamp, with the supplier up:
  fell back: refused by the circuit
  54.90 from the price list
A minute later
The price of a lamp, with the supplier up:
  the circuit was open and is half_open
  the circuit was half_open and is closed
  49.90 from the supplier
The supplier was called 5 times
`,
  "request_handlers.ts": `\
Ada has borrowed Dune for 14 days
Ada has: Dune, Emma
Bob cannot borrow Dune: Dune is lent to Ada
Dune is back, Ada has: Emma
HandlerNotFoundError: Cannot handle "book.burn" as no handler is registered for it
`,
  "saga_diagrams.ts": `\
\`\`\`mermaid
sequenceDiagram
    participant S as Saga order
    participant S1 as ReserveGoods
    participant S2 as payment
    participant S3 as SendByCourier
    participant F3 as SendByPost
    participant S4 as confirmByMail

    Note over S: Successful Execution Flow
    S->>S1: act(), up to 5 attempts
    S1-->>S: success
    Note over S: Waits for signal paid, at most 24 h
    S2-)S: signal paid
    S->>S3: act()
    alt success
        S3-->>S: success
    else error, or the circuit is open
        S3--xS: error
        Note over S: Fallback triggered
        S->>F3: act()
        F3-->>S: success
    end
    S->>S4: act()
    S4-->>S: success
    Note over S: Saga Completed

    Note over S: Failure & Compensation Flow
    S->>S1: act(), up to 5 attempts
    S1-->>S: success
    Note over S: Waits for signal paid, at most 24 h
    S2-)S: signal paid
    S->>S3: act()
    alt success
        S3-->>S: success
    else error, or the circuit is open
        S3--xS: error
        Note over S: Fallback triggered
        S->>F3: act()
        F3-->>S: success
    end
    S->>S4: act()
    S4--xS: error

    Note over S: Compensation (reverse order)
    alt SendByCourier has acted
        S->>S3: compensate()
        S3-->>S: success
    else SendByPost has acted
        Note over F3: Has no compensation
    end
    S->>S1: compensate()
    S1-->>S: success
    Note over S: Saga Compensated
\`\`\`

\`\`\`mermaid
classDiagram
    direction LR

    class S["order"] {
        <<saga>>
        version: 1
        steps: 4
    }

    class D["context"] {
        <<data>>
        item: string
    }

    class S1["ReserveGoods"] {
        <<step>>
        +act()
        +compensate()
        act: up to 5 attempts
        compensate: up to 3 attempts
        timeout: 2 s
    }

    class S2["payment"] {
        <<wait>>
        signal: paid
        timeout: 24 h
    }

    class D2["paid"] {
        <<data>>
        cents: number
        by: string
    }

    class S3["SendByCourier"] {
        <<step>>
        +act()
        +compensate()
        compensate: up to 3 attempts
    }

    class F3["SendByPost"] {
        <<fallback>>
        +act()
    }

    class S4["confirmByMail"] {
        <<step>>
        +act()
    }

    S ..> D : starts with
    S --> S1 : 1 reserve
    S --> S2 : 2 payment
    S2 ..> D2 : brings
    S --> S3 : 3 send
    S3 ..> F3 : fallback, circuit breaker
    S --> S4 : 4 confirm
\`\`\`

\`\`\`mermaid
stateDiagram-v2
    [*] --> Running
    state Running {
        state "ReserveGoods" as S1
        state "payment" as S2
        state "SendByCourier or SendByPost" as S3
        state "confirmByMail" as S4
        [*] --> S1
        S1 --> S2
        S2 --> S3
        S3 --> S4
        S4 --> [*]
    }
    state Compensating {
        state "SendByCourier" as C3
        state "ReserveGoods" as C1
        [*] --> C3
        C3 --> C1
        C1 --> [*]
    }
    Running --> Waiting : waits for a signal
    Waiting --> Running : the signal has come
    Waiting --> Compensating : no signal in time
    Running --> Completed : all steps are done
    Running --> Compensating : a step has failed
    Compensating --> Compensated : all is undone
    Compensating --> Failed : something cannot be undone
    Failed --> Compensating : retryStep()
    Running --> Parked : it cannot go on
    Compensating --> Parked : it cannot go on
    Parked --> Running : resume()
    Parked --> Compensating : compensate()
    Completed --> [*]
    Compensated --> [*]
    Failed --> [*]
\`\`\`

`,
  "saga_sse.ts": `\
A lamp is ordered
  reserve completed
  charge completed
  ship completed
A sofa is ordered
  start
  reserve completed
  charge completed
  the connection is cut, and the order goes on
The other server knows how far it is
  ship completed
  done
A car is ordered
  reserve completed
  charge failed
  reserve compensated
  409 saga_failed: The saga could not be completed, and what it had done is undone
Whoever wants no progress gets the outcome
  200 completed: P-chair
`,
  "saga_deno_kv.ts": `\
A: pack completed
B: 1 completed
completed: {"item":"lamp","packedBy":"A","sentBy":"B"}
Published: order.packed, order.sent
Parcels: 1
`,
  "saga_fallback.ts": `\
Order o1 to Italy, with the courier up
  o1 by courier, small
Order o2 to Italy, with the courier down
  o2 by post, small
Order o3 to Italy, with the courier down
  the circuit was closed and is open
  o3 by post, small
Order o4 to Italy, with the courier down
  o4 by post, small
Order o5 to Italy, with the courier up
  o5 by post, small
A minute later
Order o6 to Italy, with the courier up
  the circuit was open and is half_open
  the circuit was half_open and is closed
  o6 by courier, small
Order o7 to Atlantis, with the courier down
  the post brings back o7 by post, small
  compensated: Step "declare": RangeError: The customs of Atlantis refuse it
The courier was asked 5 times
What the log of o2 says of the step
  primary started
  primary retrying: Error: The courier does not answer
  secondary started
  secondary completed
`,
  "saga_operations.ts": `\
Two steps cannot be undone; the others are
  o1 is failed
    reserve: compensated
    charge: compensation_failed (Error: The bank does not answer)
    gift: compensation_failed (Error: The gift was eaten)
    ship: failed (Error: No courier carries a piano)
A health check sees it
  SagaLagError: 1 failed
So somebody looks for it
  o1: Step "ship": Error: No courier carries a piano
The bank is up again, and the gift is forgotten
  {"claimed":1,"compensated":1}
  o1 is compensated
    reserve: compensated
    charge: compensated
    gift: skipped
    ship: failed (Error: No courier carries a piano)
An order that is called off half-way
  o2 is compensated
    reserve: compensated
    charge: compensated
    gift: pending
    ship: pending
An order whose steps nobody knows any more is parked, and goes on with them
  {"claimed":1,"parked":1}
  o3 is parked: its log has done something of step "reserve" before step "weigh", which its definition has before it
  o3 is completed
    reserve: completed
    charge: completed
    gift: completed
    ship: completed
What was decided about o1 stays in its log
  retry charge: The bank is up
  skip gift: Nobody wants it back
Sagas that are done are forgotten some day
  deleted: 3
`,
  "saga_order.ts": `\
A lamp, whose progress somebody follows
  reserve completed {"left":1}
  charge completed {"receipt":"R-1"}
  ship completed {"parcel":"lamp, paid by R-1"}
  lamps left: 1, messages: 1
The same order once more: it is done already
  lamp, paid by R-1
  lamps left: 1, messages: 1
A piano cannot be sent
  compensated: Step "ship": Error: No courier carries a piano
    reserve: compensated
    charge: compensated
    ship: failed
  pianos left: 1, payments: 1
Its history
  1 act reserve started
  2 act reserve completed
  3 act charge started
  4 act charge completed
  5 act ship started
  6 act ship failed Error: No courier carries a piano
  7 turn_back completed Step "ship": Error: No courier carries a piano
  8 compensate charge started
  9 compensate charge completed
  10 compensate reserve started
  11 compensate reserve completed
`,
  "saga_recovery.ts": `\
One at a time, by its id, with the context that is stored
  t1: hotel completed, and the caller is gone
  t1 is running, its context {"to":"Rome","hotel":"in Rome (t1/hotel)"}
  t1 is completed
What has ended is not run again
  completed
A loop, in a process that lives on
  t2: hotel completed, and the caller is gone
  t2 is running, its context {"to":"Paris","hotel":"in Paris (t2/hotel)"}
  t2 is completed
A cron, where nothing lives between requests
  t3: hotel completed, and the caller is gone
  t3 is running, its context {"to":"Atlantis","hotel":"in Atlantis (t3/hotel)"}
  nobody sleeps in Atlantis (t3/hotel)
  t3 is compensated
  taken up 1: 0 completed, 1 compensated
`,
  "saga_signals.ts": `\
Ada asks for holidays, and has an answer the next day
  Ada is away in the plan
  h1 is waiting
  Ada has 3 days off, says Bob
  h1 is completed
An answer that makes no sense is refused, and she waits on
  Ada is away in the plan
  MessageValidationError (message_validation)
  h2 is waiting
  Ada is back in the plan
  h2 is compensated: Step "book": Error: Bob has refused
Nobody answers Cleo
  Cleo is away in the plan
  Cleo is back in the plan
  h3 is compensated: Step "approval": No signal "approval" has come in 172800000 ms
And then somebody does, too late
  late; late signals: 1
`,
  "sse_stream.ts": `\
POST /prices {"symbol":"ACME","ticks":3}
  start
  item {"symbol":"ACME","cents":4200}
  item {"symbol":"ACME","cents":4201}
  item {"symbol":"ACME","cents":4202}
  done {}
POST /prices {"symbol":"NOPE"}
  start
  failure {"type":"about:blank","title":"Not Found","status":404,"detail":"There is no symbol NOPE","code":"unknown_symbol"}
POST /prices {"symbol":"ACME"}
  the price is 4200
  the price is 4201
  the client has left, and the handler has closed its feed
POST /prices {"symbol":7}
  400 application/problem+json
`,
  "streaming_fallback.ts": `\
beforeFirstItem, the supplier answers:
  lamp from supplier
  desk from supplier
  chair from supplier
  complete: 3 articles
beforeFirstItem, the supplier fails at once:
  fell back: Error: The connection to the supplier broke
  lamp from copy
  desk from copy
  chair from copy
  complete: 3 articles
beforeFirstItem, the supplier fails after two articles:
  lamp from supplier
  desk from supplier
  incomplete, 2 articles: Error: The connection to the supplier broke
restart, the supplier fails after two articles:
  lamp from supplier
  desk from supplier
  fell back: Error: The connection to the supplier broke
  lamp from copy
  desk from copy
  chair from copy
  complete: 3 articles
`,
  "two_services.ts": `\
Ada orders while the shipping service is down
  o1 is placed
It is up again
  shipping: P1 to 12 Crescent Road, in conversation ada-1
  shop: o1 has P1, in conversation ada-1
  o1 is on its way as P1
The broker delivers everything once more: nothing is done twice
  o1 is on its way as P1
  2 messages of parcels, one of them a repetition
`,
  "typed_client.ts": `\
Lisbon is stop 1
Madrid is stop 2
Lyon is stop 3
Bern is stop 4
The route: Lisbon, Madrid, Lyon, Bern
Refused with 400
Stop 1: Lisbon
Stop 2: Madrid
  the connection is lost
Stop 3: Lyon
Stop 4: Bern
  the connection is lost
Stop 5: Lisbon
Stop 6: Madrid
Journeys: 1
Once more from Lisbon, and that is enough
The handler was cancelled
`,
};

Deno.test("every file in examples is a program whose output is known here", async () => {
  const files = [];
  for await (const entry of Deno.readDir(new URL("examples/", root))) {
    if (!entry.isDirectory) files.push(entry.name);
  }
  assert.deepEqual(files.sort(), Object.keys(programs).sort());
});

for (const [file, expected] of Object.entries(programs)) {
  Deno.test(`examples/${file} tells its story with the permissions that it names`, async () => {
    const { code, stdout, stderr } = await runProgram(file, await permissionsOf(file));
    assert.equal(stderr, "");
    assert.equal(stdout, expected);
    assert.equal(code, 0);
  });
}

Deno.test("no program in examples names a permission that it can do without", async () => {
  for (const file of Object.keys(programs)) {
    const permissions = await permissionsOf(file);
    for (const permission of permissions) {
      const { code } = await runProgram(file, permissions.filter((other) => other !== permission));
      assert.notEqual(code, 0, `${file}: ${permission}`);
    }
  }
});

/** The permissions in the command that the doc comment of a program gives. */
async function permissionsOf(file: string): Promise<readonly string[]> {
  const [comment = ""] = (await readText(`examples/${file}`)).match(/^\/\*\*[\s\S]*?\*\//) ?? [];
  const [, flags, script] = comment.match(/^ \* Run it: deno run((?: --\S+)*) (\S+)$/m) ?? [];
  assert.equal(script, `examples/${file}`, "the doc comment says how to run the program");
  const permissions = flags?.split(" ").filter(Boolean) ?? [];
  for (const permission of permissions) assert.match(permission, /^--allow-[a-z]+=\S+$/);
  return permissions;
}

/** Runs a program in a process of its own, to its end. */
async function runProgram(file: string, permissions: readonly string[]) {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    // Quietly, because what Deno itself has to say, of downloads, is not the program's.
    args: ["run", "--quiet", "--no-prompt", ...permissions, `examples/${file}`],
    cwd: root,
    env: { NO_COLOR: "1", NO_PROXY: "127.0.0.1" },
    stdin: "null",
  }).output();
  const decoder = new TextDecoder();
  return { code, stdout: decoder.decode(stdout), stderr: decoder.decode(stderr) };
}
