package snapshots

import (
	"errors"
	"io"
	"runtime"
	"sync"
)

// pipelineSize is the size in bytes from which the list of logs is worth more than one core: below it, starting costs more
// than it saves.
const pipelineSize = 10 << 20

// blocksAhead is how many blocks of a source there are in a pipeline: one that is filled, one that is decoded, one that is
// visited, and one between them.
const blocksAhead = 4

var errStopped = errors.New("reading was stopped")

// A pipeline reads a source, decodes its logs and visits them at the same time. Logs are visited by the goroutine that asked
// for them, in the order of the document, and exactly those that are visited without a pipeline.
//
// Whoever reads the source fills blocks and hands them to the window, which looks at them in place. As logs point into the
// block that they stand in, it is free again when the last of them was visited.
type pipeline struct {
	free    chan []byte // blocks to fill
	filled  chan block
	batches chan *batch
	used    chan *batch // to be filled again
	stop    chan struct{}
	workers sync.WaitGroup
}

// A block is a piece of a source, buf[from:end]. The bytes before it are room for what the window keeps of the block before.
type block struct {
	buf       []byte
	from, end int
	err       error // that reading stopped with behind it
}

// A batch is the logs that end in one block.
type batch struct {
	logs  []Log
	n     int // how many were decoded; one more may be under work
	block []byte
}

func newPipeline() *pipeline {
	p := &pipeline{
		free:    make(chan []byte, blocksAhead),
		filled:  make(chan block, blocksAhead),
		batches: make(chan *batch, blocksAhead),
		used:    make(chan *batch, blocksAhead),
		stop:    make(chan struct{}),
	}
	for range blocksAhead {
		p.free <- make([]byte, max(blockSize, 2)) // half of it room
		p.used <- &batch{logs: make([]Log, 1)}
	}
	return p
}

// worthwhile reports whether reading so many bytes by a pipeline pays.
func worthwhile(size int64) bool { return size >= pipelineSize && runtime.GOMAXPROCS(0) > 1 }

// run reads r from the given offset of the source on.
func (p *pipeline) run(reader *logsReader, r io.Reader, offset int64, visit func(*Log)) {
	defer p.workers.Wait()
	defer close(p.stop)
	p.workers.Go(func() { p.readAhead(r) })
	current := <-p.used
	reader.log = &current.logs[0]
	flush := func(left []byte) error {
		next, err := receive(p, p.used)
		if err != nil {
			return err
		}
		next.n, next.block = 0, nil
		current.block = left
		next.logs[0], current.logs[current.n] = current.logs[current.n], next.logs[0] // may be under work
		reader.log = &next.logs[0]
		err = send(p, p.batches, current)
		current = next
		return err
	}
	reader.w = &window{base: offset, anchor: -1, lines: &reader.logs.Document.Source.lines, blocks: &blockStream{pipeline: p, flush: flush}}
	p.workers.Go(func() {
		defer close(p.batches)
		reader.run(func(*Log) {
			if current.n++; current.n == len(current.logs) {
				current.logs = append(current.logs, Log{})
			}
			reader.log = &current.logs[current.n]
		})
		_ = send(p, p.batches, current) // nobody listens when the visitor panics
	})
	for batch := range p.batches {
		for i := range batch.logs[:batch.n] {
			visit(&batch.logs[i])
		}
		if batch.block != nil {
			p.free <- batch.block
		}
		p.used <- batch
	}
}

// readAhead fills blocks until the source ends.
func (p *pipeline) readAhead(r io.Reader) {
	for {
		buf, err := receive(p, p.free)
		if err != nil {
			return
		}
		b := block{buf: buf, from: len(buf) / 2}
		for tries, n := 0, 0; n == 0 && b.err == nil; tries++ {
			if n, b.err = r.Read(buf[b.from:]); tries > 100 && n == 0 && b.err == nil {
				b.err = io.ErrNoProgress
			}
			b.end = b.from + n
		}
		if send(p, p.filled, b) != nil || b.err != nil {
			return
		}
	}
}

func receive[T any](p *pipeline, from <-chan T) (v T, err error) {
	select {
	case v = <-from:
		return v, nil
	case <-p.stop:
		return v, errStopped
	}
}

func send[T any](p *pipeline, to chan<- T, v T) error {
	select {
	case to <- v:
		return nil
	case <-p.stop:
		return errStopped
	}
}

// A blockStream is what the window of a pipeline looks at, instead of reading by itself.
type blockStream struct {
	*pipeline
	flush func(left []byte) error // hands the logs before the window on, with the block that is left

	block []byte // that the window is in; nil when it is in a buffer of its own, as a value is larger than the room
	rest  block  // what is too much for the buffer; mostly nothing
}

// fill is that of the window, which keeps the bytes from start on.
func (b *blockStream) fill(w *window, start int) (shift int, more bool) {
	kept := w.buf[start:w.end]
	if len(kept) >= maxValue {
		w.err = errTooLarge
		return 0, false
	}
	next := b.rest
	if b.rest = (block{}); next.buf == nil {
		if next, w.err = receive(b.pipeline, b.filled); w.err != nil {
			return 0, false
		}
	}
	whole := next.end
	if most := next.from + maxValue - len(kept); most < whole {
		b.rest = block{next.buf, most, whole, next.err}
		next.end, next.err = most, nil
	}
	data := next.buf[next.from:next.end]
	switch room := next.from - len(kept); {
	case b.rest.buf == nil && room >= 0:
		copy(next.buf[room:], kept)
		w.err = b.flush(b.block)
		w.buf, b.block = next.buf[room:next.end], next.buf
	case b.block == nil && start == 0: // nothing that was handed on is in this buffer
		w.buf = append(w.buf, data...)
	default:
		grown := make([]byte, 0, 2*(len(kept)+len(data)))
		grown = append(append(grown, kept...), data...)
		w.err = b.flush(b.block)
		w.buf, b.block = grown, nil
	}
	if b.block == nil && b.rest.buf == nil {
		b.free <- next.buf
	}
	if w.err == nil {
		w.err = next.err
	}
	w.base += int64(start)
	w.pos -= start
	w.told -= start
	w.end = len(w.buf)
	if w.anchor >= 0 {
		w.anchor -= start
	}
	return start, len(data) > 0
}
