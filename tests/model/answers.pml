/*
 * Re-attach of a ring that is answered in the order it is taken (network): answers are noted, then
 * made to count, then put where their requests were (backends/net/queue.c; struct answers in
 * transport/xen/journal.c).  A worker may die between any two stores.
 *
 * Checked: each request is answered once, with the answer of its own; none is left without.
 * That a frame is sent twice or not at all is not an error here: its peer's TCP sees to that.
 *
 * Broken on purpose: COMMIT_LATE, COMMIT_FIRST, TAKE_AGAIN.
 */
#ifndef SLOTS
#define SLOTS 2
#endif
#ifndef REQS
#define REQS 6
#endif
#ifndef CRASHES
#define CRASHES 2
#endif
#define WRAP 16
#define NEXT(x) ((x + 1) % WRAP)
#define DIFF(a, b) ((a + WRAP - b) % WRAP)
#define RSP 16
#define NONE 255

byte req_prod, rsp_prod, slot[SLOTS];
byte noted[SLOTS] = NONE, upto; /* struct answers */
bool seen[REQS];
byte crashes;

#define STEP(what) if :: atomic { crashes < CRASHES -> crashes++; goto died } :: atomic { what } fi

active proctype guest()
{
    byte prod, cons, made, taken, v;

    do
    :: made < REQS && made - taken < SLOTS ->
        slot[prod % SLOTS] = made; made++; prod = NEXT(prod)
    :: req_prod != prod -> req_prod = prod
    :: cons != rsp_prod ->
        atomic {
            v = slot[cons % SLOTS];
            assert(v == RSP + taken && !seen[taken]);
            seen[taken] = true;
            cons = NEXT(cons); taken++; v = 0
        }
    :: taken == REQS -> break
    od
}

active proctype worker()
{
    byte id[SLOTS]; /* packets of this sweep */
    byte cons, prod, i, n;

start: /* answers_pending(), ring_back_resume() */
    atomic {
        prod = rsp_prod;
        n = (DIFF(upto, rsp_prod) <= SLOTS -> DIFF(upto, rsp_prod) : 0);
        assert(n <= DIFF(req_prod, rsp_prod)); /* else the device would be closed */
#ifdef TAKE_AGAIN
        cons = prod;
#else
        cons = (prod + n) % WRAP;
#endif
        goto put
    }
end_back:
    do
    :: cons != req_prod -> /* gather(), then answer() for each */
        STEP(id[n] = slot[cons % SLOTS]; assert(id[n] < RSP); cons = NEXT(cons); n++)
    :: n > 0 && prod == rsp_prod -> break
    :: crashes < CRASHES -> crashes++; goto died /* while it waits */
    od;
#ifdef COMMIT_FIRST
    STEP(upto = (prod + n) % WRAP);
#endif
    i = 0;
    do
    :: i < n -> STEP(noted[(prod + i) % SLOTS] = RSP + id[i]; i++)
    :: else -> break
    od;
    i = 0;
#ifndef COMMIT_LATE
    STEP(upto = (prod + n) % WRAP);
#endif
put: /* net_queue_put(), ring_back_push() */
    do
    :: n > 0 -> STEP(slot[prod % SLOTS] = noted[prod % SLOTS]; prod = NEXT(prod); n--)
    :: else -> break
    od;
#ifdef COMMIT_LATE
    STEP(upto = prod);
#endif
    STEP(rsp_prod = prod);
    atomic { n = 0; id[0] = 0; id[1] = 0 };
    goto end_back;
died:
    atomic { i = 0; n = 0; id[0] = 0; id[1] = 0; goto start }
}
