import Synchronization

/// Children that have answered and only have to end: the kernel takes their memory back, a tenth of a millisecond each.
public enum AnsweredChildren {
    private static let areLeft = Mutex(false)

    /// To be said by a process that ends when its work is done: it does not wait for the end of such a child, and whoever reaps
    /// orphans reaps it, as a DEL's (DetachedChild). One that lives on would keep a zombie.
    public static func leave() { areLeft.withLock { $0 = true } }

    static var isWaitedFor: Bool { areLeft.withLock { !$0 } }
}
