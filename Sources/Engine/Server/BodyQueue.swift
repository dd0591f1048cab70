#if Daemon
    import Containers
    import Glibc
    import NIOCore

    /// A request's body on its way from the connection to the thread that reads it: never more than `high` bytes and one read stand in it,
    /// then the connection is not read until half of that is taken.
    final class BodyQueue: Sendable {
        private static let high = 256 << 10
        private struct State: Sendable {
            var parts: [ByteBuffer] = []
            var bytes = 0
            var isHeld = false
            var isEnded = false
            var isCut = false
            var isUnwanted = false
        }
        private let state = Monitor(State())
        private let resume: @Sendable () -> Void

        /// `resume` makes the connection be read again; called from the reader's thread.
        init(resume: @escaping @Sendable () -> Void) { self.resume = resume }

        /// False: the connection is not to be read until `resume`.
        func put(_ part: ByteBuffer) -> Bool {
            state.change { state in
                if state.isUnwanted { return true }
                state.parts.append(part)
                state.bytes += part.readableBytes
                if state.bytes > BodyQueue.high { state.isHeld = true }
                return !state.isHeld
            }
        }
        func end() { state.change { $0.isEnded = true } }
        /// The client went before it had said all.
        func cut() { state.change { $0.isCut = true } }
        var wasCut: Bool { state.change { $0.isCut } }

        /// What is to come is thrown away.
        func refuse() {
            let wasHeld = state.change { state in
                state.isUnwanted = true
                state.parts = []
                defer { state.isHeld = false }
                return state.isHeld
            }
            if wasHeld { resume() }
        }

        /// Everything goes to the descriptor, until the end, or until nobody reads there. False: not all came, or five minutes nothing.
        func pump(to descriptor: Int32) -> Bool {
            while true {
                let taken: (part: ByteBuffer?, resumes: Bool, isWhole: Bool)? = state.wait(milliseconds: 300_000) {
                    state in
                    if state.isCut || state.isUnwanted { return (nil, false, false) }
                    guard !state.parts.isEmpty else { return state.isEnded ? (nil, false, true) : nil }
                    let part = state.parts.removeFirst()
                    state.bytes -= part.readableBytes
                    let resumes = state.isHeld && state.bytes < BodyQueue.high / 2
                    if resumes { state.isHeld = false }
                    return (part, resumes, true)
                }
                guard let taken else { return false }
                if taken.resumes { resume() }
                guard let part = taken.part else { return taken.isWhole }
                let isWritten = part.withUnsafeReadableBytes { bytes in
                    var done = 0
                    while done < bytes.count {
                        let count = write(descriptor, bytes.baseAddress! + done, bytes.count - done)
                        if count < 0 && errno == EINTR { continue }
                        guard count > 0 else { return false }
                        done += count
                    }
                    return true
                }
                guard isWritten else { return true }
            }
        }
    }
#endif
