/*
 * Re-attach of a block ring: a worker may die between any two stores, a successor takes up its ring and
 * journal (backends/blk/io.c, io_answer.c, resume.c; transport/xen/journal.c, ring.c).  Each STEP is one store that
 * others can see, or a private one; before each the worker may die.
 *
 * Checked: every request is carried out before it is answered, answered once, not carried out after
 * its guest has seen the answer; and in the end none is without an answer (no invalid end state).
 *
 * Broken on purpose: NOTE_LATE, STATE_FIRST, NO_ANSWER_NOTE,
 * FREE_EARLY, SHOW_ALL, TAKE_AGAIN, LEAVE_STALE, ANSWER_LATER.
 */
#ifndef SLOTS
#define SLOTS 2 /* of the ring, and of the journal */
#endif
#ifndef REQS
#define REQS 7 /* that the guest makes in all */
#endif
#ifndef CRASHES
#define CRASHES 2
#endif
#define WRAP 8 /* indices are modulo this, in half of which "older" is decided: 2^32 in small */
#define NEXT(x) ((x + 1) % WRAP)
#define DIFF(a, b) ((a + WRAP - b) % WRAP)
#define RSP 16 /* a slot holds a request's id, or RSP + id of the one answered */

/* the shared page */
byte req_prod, rsp_prod, slot[SLOTS];
/* the journal: one record's state, status and response number are one 64-bit store */
mtype = { FREE, TAKEN, DONE, ANSWERED };
mtype j_state[SLOTS] = FREE;
byte j_rsp[SLOTS], j_raw[SLOTS];
/* the truth */
bool done[REQS], seen[REQS];
byte crashes;

#define STEP(what) if :: atomic { crashes < CRASHES -> crashes++; goto died } :: atomic { what } fi
#define SET_STATE(i, s, rsp) j_state[i] = s; j_rsp[i] = rsp

#ifdef NO_ANSWER_NOTE
#define NOTE_ANSWER(i)
#else
#define NOTE_ANSWER(i) STEP(SET_STATE(i, ANSWERED, prod))
#endif
#define ANSWER(i) \
    NOTE_ANSWER(i); \
    STEP(slot[prod % SLOTS] = RSP + id[i]; prod = NEXT(prod); state[i] = ANSWERED)

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
            assert(v >= RSP);
            v = v - RSP;
            assert(done[v] && !seen[v]);
            seen[v] = true;
            cons = NEXT(cons); taken++; v = 0
        }
    :: taken == REQS -> break
    od
}

active proctype worker()
{
    mtype state[SLOTS] = FREE;
    byte id[SLOTS];
    byte cons, prod, pushed, i, n;

start:
    /* What is left: journal_recover(), ring_back_resume(), rebuild_free(). */
    atomic {
        prod = rsp_prod; pushed = rsp_prod; n = 0; i = 0;
        do
        :: i < SLOTS ->
            state[i] = FREE; id[i] = 0;
            if
            :: j_state[i] == FREE
#ifndef SHOW_ALL
            :: j_state[i] == ANSWERED && DIFF(j_rsp[i], rsp_prod) >= WRAP / 2 ->
#ifndef LEAVE_STALE
                SET_STATE(i, FREE, 0)
#else
                skip
#endif
            :: j_state[i] == ANSWERED && DIFF(j_rsp[i], rsp_prod) < WRAP / 2 ->
#else
            :: j_state[i] == ANSWERED ->
#endif
                state[i] = DONE; id[i] = j_raw[i]; n++
            :: j_state[i] == TAKEN -> state[i] = TAKEN; id[i] = j_raw[i]; n++
            fi;
            i++
        :: else -> break
        od;
#ifdef TAKE_AGAIN
        cons = prod;
#else
        cons = (prod + n) % WRAP;
#endif
        /* journal_recover() calls anything else damaged, and the device would be closed */
        assert(n <= DIFF(req_prod, rsp_prod));
        i = 0; n = 0
    }
#ifndef ANSWER_LATER
    /* io_replay(): what was answered comes first, and nothing is pushed before all of it is noted anew */
    do
    :: state[0] == DONE -> i = 0; ANSWER(0)
#if SLOTS > 1
    :: state[1] == DONE -> i = 1; ANSWER(1)
#endif
#if SLOTS > 2
    :: state[2] == DONE -> i = 2; ANSWER(2)
#endif
    :: else -> break
    od;
#endif

end_back: /* it may wait here for ever, its guest may not */
    do
    /* take() */
    :: cons != req_prod ->
        if
        :: atomic { state[0] == FREE -> i = 0 }
#if SLOTS > 1
        :: atomic { state[1] == FREE -> i = 1 }
#endif
#if SLOTS > 2
        :: atomic { state[2] == FREE -> i = 2 }
#endif
        fi;
        STEP(id[i] = slot[cons % SLOTS]; assert(id[i] < RSP); cons = NEXT(cons));
#ifndef NOTE_LATE
#ifdef STATE_FIRST
        STEP(SET_STATE(i, TAKEN, 0));
#endif
        STEP(j_raw[i] = id[i]);
        STEP(SET_STATE(i, TAKEN, 0));
#endif
        state[i] = TAKEN
    /* the disk, in any order */
    :: atomic { state[0] == TAKEN -> i = 0 }; goto on_disk
#if SLOTS > 1
    :: atomic { state[1] == TAKEN -> i = 1 }; goto on_disk
#endif
#if SLOTS > 2
    :: atomic { state[2] == TAKEN -> i = 2 }; goto on_disk
#endif
    /* answer() */
    :: atomic { state[0] == DONE -> i = 0 }; goto answer
#if SLOTS > 1
    :: atomic { state[1] == DONE -> i = 1 }; goto answer
#endif
#if SLOTS > 2
    :: atomic { state[2] == DONE -> i = 2 }; goto answer
#endif
    /* push() */
    :: pushed != prod ->
#ifdef FREE_EARLY
        i = 0;
        do
        :: i < SLOTS && state[i] == ANSWERED -> STEP(SET_STATE(i, FREE, 0); i++)
        :: i < SLOTS && state[i] != ANSWERED -> i++
        :: i == SLOTS -> break
        od;
#endif
        STEP(rsp_prod = prod; pushed = prod);
        i = 0;
        do
        :: i < SLOTS && state[i] == ANSWERED -> STEP(SET_STATE(i, FREE, 0); state[i] = FREE; id[i] = 0; i++)
        :: i < SLOTS && state[i] != ANSWERED -> i++
        :: i == SLOTS -> break
        od
    :: crashes < CRASHES -> crashes++; goto died /* while it waits */
    od;
on_disk:
    STEP(assert(!seen[id[i]]); done[id[i]] = true; state[i] = DONE);
    goto end_back;
answer:
#ifdef NOTE_LATE
    STEP(j_raw[i] = id[i]; SET_STATE(i, TAKEN, 0));
#endif
    ANSWER(i);
    goto end_back;
died:
    /* private memory is gone */
    atomic { i = 0; n = 0; goto start }
}
