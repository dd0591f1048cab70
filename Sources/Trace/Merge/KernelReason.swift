extension [DropTracepoints.Drop] {
    /// "IP_INADDRERRORS ip_error": the kernel's word on a packet of `length` bytes that passed `devices`, was sent not before `sent`
    /// and met the last of them at about `ended` (nanoseconds of CLOCK_MONOTONIC); nil where none is known to be of it.
    func reason(of devices: [String], length: Int?, sent: Int64, ended: Int64) -> String? {
        let candidates: Self = filter { drop in
            // An address of a buffer is given again: before the packet's own devices there may be those of another, and the packet's
            // first ones may have seen another buffer.
            let common = Swift.min(drop.devices.count, devices.count)
            return common > 0 && devices.suffix(common) == drop.devices.suffix(common)
                && drop.length != nil && drop.length == length
                && drop.met.map { $0 >= sent && $0 <= ended + 100_000_000 } ?? false
        }
        // Other packets of the machine pass devices of the same names: this one did at the time of its last capture. A capture bears
        // the time at which the packet came into the receiver's queue, and a busy CPU takes it out of there some milliseconds later.
        let punctual: Self = candidates.filter { $0.met ?? 0 <= ended + 1_000_000 }
        if let last = punctual.max(by: { $0.met ?? 0 < $1.met ?? 0 }) { return last.word }
        // Of several late ones nobody knows which it was, unless all met the same end.
        let late = Set(candidates.map(\.word))
        return late.count == 1 ? late.first : nil
    }

    /// Of a packet that no device saw, sent by `thread` itself: what devices its buffer met before `sent` was another packet's.
    func reason(ofUnseenBy thread: Int32, sent: Int64) -> String? {
        last { $0.isIP && $0.thread == thread && $0.met ?? .min < sent }?.word
    }
}

extension DropTracepoints.Drop {
    fileprivate var word: String { "\(reason) \(function)" }
}
