/*
 * The ring's wake-ups: event index, final check, mask and unmask (transport/xen/ring.c, backends/blk/
 * queue.c), both ends on processors that keep stores back (x86: a load may pass an earlier store of
 * another word until a fence).  The backend's worker may die anywhere; its successor binds the same
 * port again.  Events are /dev/xen/evtchn's: an event masks its port, unmasking brings what came since.
 *
 * Checked: nobody sleeps for ever while something waits for it (no invalid end state).
 *
 * Broken on purpose: NO_FINAL_CHECK, CHECK_FIRST, NO_REST_FENCE, NO_PUSH_FENCE, NO_UNMASK, UNMASK_FIRST,
 * NO_KICK, TRUST_BIND, PAY_NEVER.
 */
#ifndef SLOTS
#define SLOTS 2
#endif
#ifndef REQS
#define REQS 3
#endif
#ifndef CRASHES
#define CRASHES 1
#endif

/* the shared page, and what each processor has not yet let go of */
byte word[4];
#define REQ_PROD 0
#define REQ_EVENT 1
#define RSP_PROD 2
#define RSP_EVENT 3
chan of_back = [2] of { byte, byte };
chan of_front = [2] of { byte, byte };
#define STORE(buf, w, v) buf ! w, v
#define FENCE(buf) len(buf) == 0
/* the reader's own stores to other words do not matter to it: it never reads back what it wrote */

/* the backend's port, the frontend's interrupt */
bool bound = true, pending, masked, readable, irq;
byte crashes;

#define KICK_BACK atomic { \
    if :: bound && masked -> pending = true \
       :: bound && !masked -> masked = true; readable = true \
       :: else fi }
#define UNMASK atomic { masked = false; \
    if :: pending -> pending = false; masked = true; readable = true \
       :: else fi }
#define WANTED(ev, old, new) (ev > old && ev <= new)

active proctype drain_back()
{
    byte w, v;
end:
    do
    :: atomic { of_back ? w, v -> word[w] = v; w = 0; v = 0 }
    od
}

active proctype drain_front()
{
    byte w, v;
end:
    do
    :: atomic { of_front ? w, v -> word[w] = v; w = 0; v = 0 }
    od
}

active proctype front()
{
    byte prod, pushed, cons, ev;

    STORE(of_front, RSP_EVENT, 1);
    do
    :: prod < REQS && prod - cons < SLOTS ->
        prod++;
        if
        :: STORE(of_front, REQ_PROD, prod);
            FENCE(of_front);
            ev = word[REQ_EVENT];
            if
            :: WANTED(ev, pushed, prod) -> KICK_BACK
            :: else
            fi;
            atomic { pushed = prod; ev = 0 }
        :: prod < REQS && prod - cons < SLOTS /* several with one push */
        fi
    :: word[RSP_PROD] != cons -> cons++
    :: pushed == prod && cons < prod && word[RSP_PROD] == cons ->
        STORE(of_front, RSP_EVENT, cons + 1);
        FENCE(of_front);
        if
        :: word[RSP_PROD] != cons
        :: word[RSP_PROD] == cons -> atomic { irq -> irq = false } /* sleeps */
        fi
    :: cons == REQS -> break
    od
}

#define MAY_DIE if :: atomic { crashes < CRASHES -> crashes++; goto died } :: skip fi

active proctype back()
{
    byte cons, prod, pushed, ev;
    bool holds_mask; /* what the worker thinks of its port */
    bool owed;       /* a notification was put off (backends/net/queue_tx.c) */

    STORE(of_back, REQ_EVENT, 1);
    FENCE(of_back);
    goto sweep;
sweep:
    do
    :: word[REQ_PROD] != cons -> cons++; prod++
    :: word[REQ_PROD] == cons -> break
    :: prod > pushed -> break /* the rest in another sweep */
    od;
    MAY_DIE;
push:
    if
    :: prod != pushed ->
        STORE(of_back, RSP_PROD, prod);
        MAY_DIE;
#ifndef NO_PUSH_FENCE
        FENCE(of_back);
#endif
        ev = word[RSP_EVENT];
        MAY_DIE;
        if
        :: WANTED(ev, pushed, prod) ->
            if
            :: irq = true
            :: owed = true /* later */
            fi
        :: else
        fi;
        atomic { pushed = prod; ev = 0 };
        MAY_DIE;
        goto sweep
    :: else
    fi;
    if
    :: owed -> /* net_queue_tx_pay(), ring_back_owes() */
#ifndef PAY_NEVER
        FENCE(of_back);
        if
        :: word[RSP_EVENT] <= pushed && pushed - word[RSP_EVENT] < SLOTS -> irq = true
        :: else
        fi;
#endif
        owed = false;
        MAY_DIE
    :: else
    fi;
    /* ring_back_rest() */
#ifdef UNMASK_FIRST
    if
    :: holds_mask -> UNMASK; holds_mask = false;
        if :: readable -> readable = false; holds_mask = true :: else fi
    :: else
    fi;
#endif
#ifdef CHECK_FIRST
    if :: word[REQ_PROD] != cons -> goto sweep :: else fi;
#endif
    STORE(of_back, REQ_EVENT, cons + 1);
#ifndef NO_REST_FENCE
    FENCE(of_back);
#endif
    MAY_DIE;
#ifndef NO_FINAL_CHECK
#ifndef CHECK_FIRST
    if :: word[REQ_PROD] != cons -> goto sweep :: else fi;
#endif
#endif
#ifndef NO_UNMASK
#ifndef UNMASK_FIRST
    if
    :: holds_mask -> UNMASK; holds_mask = false
    :: else
    fi;
#endif
#endif
end_sleep:
    if
    :: atomic { readable -> readable = false; holds_mask = true }
    :: atomic { crashes < CRASHES -> crashes++; goto died }
    fi;
    goto sweep;
died:
    atomic { /* the kernel closes the port, what is in the store buffer still gets out */
        bound = false; pending = false; masked = false; readable = false;
        owed = false; ev = 0
    };
    FENCE(of_back);
    atomic { /* xen binds with the port pending; a parked thread drops what it hears */
        cons = word[RSP_PROD]; prod = cons; pushed = cons;
        bound = true; masked = true
    };
#ifdef TRUST_BIND
    holds_mask = false;
#else
    holds_mask = true;
#endif
#ifndef NO_KICK
    irq = true;
#endif
    goto sweep
}
