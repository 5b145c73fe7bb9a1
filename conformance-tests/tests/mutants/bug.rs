//! [`Bug`]: the bugs that a [`Mutant`](crate::mutant::Mutant) can have.

/// What is wrong with a mutant: one thing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Bug {
    /// Nothing: the control.
    None,
    /// Nothing, and async callers go through its async methods.
    Native,

    // Keys.
    /// `set` refuses a key with a blank; the other calls take it.
    SetRefusesBlanks,
    /// `add` refuses a key with a control character; the other calls take it.
    AddRefusesControls,
    /// A key of more than 250 bytes fails late, as a storage error.
    LongKeysRaise,
    /// Entries are kept under the MD5 of the key, and the key is not compared.
    KeysHashed,
    /// The tags of [`NoSingleFlight`](crate::settings::Setting::NoSingleFlight) are taken off.
    TagsTakenOff,
    KeysCaseFolded,
    /// At 250 bytes.
    KeysTruncated,
    KeysTrimmed,
    /// `e` and a combining acute are one letter.
    KeysNormalised,
    /// `01`, `1` and `1.0` are one number.
    KeysAsNumbers,
    KeysCutAtNul,
    /// `delete` takes `*` and `?` as wildcards.
    KeysGlobbed,
    /// `delete` takes `%` and `_` as wildcards.
    KeysLiked,
    EmptyKeyRefused,
    /// Quotes are taken off.
    KeysUnquoted,
    /// A key ends at its first line break.
    KeysEndAtLine,
    /// Of `a{x}b` only `x` counts.
    KeysAreTags,

    // Basic operations.
    SetStoresNothing,
    /// One set in a thousand is lost.
    SetsLostAtTimes,
    GetInventsNull,
    AddSaysFalse,
    AddStoresNothing,
    AddAfterDeleteFalse,
    DeleteNullFalse,
    AddOverwrites,
    /// `add` of an existing key answers true and keeps the old value.
    AddPresentTrue,
    AddRefreshesLifetime,
    AddOverExpiredFalse,
    DeleteExpiredTrue,
    DeleteSaysFalse,
    DeleteManyAbsentRaises,
    HasKeyIgnoresExpiry,
    /// `has_key` counts whole seconds, the others do not.
    HasKeyInWholeSeconds,
    GetIgnoresExpiry,
    NullIsMiss,
    RejectedSetKeepsOld,
    OverwriteKeepsLifetime,
    /// Each handle remembers what it has read.
    HandlesRemember,
    /// Each handle has entries of its own.
    HandlesApart,

    // Values.
    BoolsBecomeIntegers,
    FloatsBecomeIntegers,
    DigitTextBecomesInteger,
    BytesBecomeText,
    IntegersBecomeText,
    IntegersThroughDoubles,
    NegativeZeroLost,
    EmptyIsMiss,
    ValuesCutAtNul,
    LineEndsTranslated,
    /// Values over the limit are cut.
    LargeCut,
    /// Values over the limit are stored.
    LimitOnlyDeclared,
    LargeIsStorageError,
    /// The length is kept in 16 bits.
    LengthIn16Bits,

    // Timeouts.
    /// Deadlines are whole seconds of the wall clock, rounded down.
    DeadlinesRoundedDown,
    LifetimesTruncated,
    ExpiresLate,
    /// By as much as a coarse clock lags.
    ExpiresATickLate,
    /// A lifetime beyond 64-bit nanoseconds is an error.
    LongLifetimesRaise,
    /// A lifetime beyond 64-bit nanoseconds wraps.
    LongLifetimesWrap,
    /// Milliseconds are kept in 32 bits.
    LifetimesIn32BitMillis,
    Over30DaysAbsolute,
    Over31BitsLost,
    BeyondYear9999Raises,
    NeverIs300Seconds,
    TouchPersistentFalse,
    TouchRevives,
    TouchSaysTrue,
    TouchDoesNothing,
    TouchOnlyExtends,
    TouchLosesValue,
    TouchNeverIgnored,
    GetSlides,
    HasKeySlides,
    /// Deadlines by the wall clock, compared with the monotonic one.
    ClocksMixed,
    GetManyShowsExpired,
    SetManyForgetsLifetime,

    // Counters.
    IncrCountsText,
    IncrCountsBools,
    IncrCountsFloats,
    /// Not-an-integer has another error for every type.
    IncrErrorsDiffer,
    IncrErrorStoresDelta,
    IncrClampsAtZero,
    IncrFromNegativeRaises,
    IncrWraps,
    IncrSaturates,
    /// Overflow is an error, and the wrapped sum is stored all the same.
    IncrOverflowStores,
    IncrResetsLifetime,
    IncrMakesNeverExpire,
    IncrCreates,
    IncrCountsExpired,
    /// A shorter number is padded with a blank, as memcached does.
    IncrPads,
    IncrUnsignedDelta,
    IncrZeroIsOne,
    IncrReturnsOld,
    /// The error text has the value in it.
    IncrErrorShowsValue,
    /// An unsigned number above 2^63 is counted as a negative one.
    IncrCountsUnsigned,

    // Many-operations.
    /// Of several inputs with one key only the last is found.
    GetManyOnlyLast,
    /// Of several inputs with one key only the first is found.
    GetManyOnlyFirst,
    GetManySorted,
    GetManyOmitsNulls,
    /// More than 999 keys are an error.
    GetManyTooMany,
    DeleteManyTooMany,
    SetManyRaises,
    SetManyStopsAtFailure,
    SetManyLosesLast,
    DeleteManyMissesLast,

    // Versions move.
    HasKeyConsumes,
    RenameResetsLifetime,
    RenameCopies,
    RenameSparesTarget,
    RenameRemovesFirst,
    RenameMissingTrue,
    RenameRevives,
    RenameDropsNull,
    RenameRacy,

    // Life cycle and locations.
    ClearOnePrefix,
    ClearSparesExpired,
    ClearRaisesWhenEmpty,
    /// `clear` returns at once and happens later.
    ClearLater,
    ClearAllLocations,
    /// After a `clear` nothing is stored any more.
    ClearedForGood,
    LocationsShared,
    CloseTwiceFails,
    ClosedForGood,
    CloseClears,
    PersistentInNameOnly,
    DropClears,
    ProcessLocal,

    // Culling.
    BoundPlusOne,
    /// A handle that names no limit has the default, and the store too from then on.
    UnnamedIs300,
    /// Where the limit was lowered, each new entry takes the place of one.
    LowerLimitNotReached,
    NewKeyCulled,
    CullsOneTooMany,
    CullsOneTooFew,
    FrequencyZeroSparesOne,
    FrequencyOneCullsNothing,
    ZeroEntriesMeansOne,
    OverwriteCulls,
    FailedAddCulls,
    ExpiredNotFirst,
    GetDoesNotPromote,
    SetDoesNotPromote,
    IncrDoesNotPromote,
    HasKeyPromotes,
    LimitPerHandle,
    DeletedStillCount,
    UnlimitedIs300,
    CullsEarly,
    BoundRacy,

    // Async alone.
    AsyncIncrResetsLifetime,
    AsyncIncrRacy,
    AsyncAddStoresNothing,
    AsyncHasOwnStore,
    AsyncPingSaysNotYet,
    AsyncInfoSaysNothing,
    AsyncPurgesNothing,
    AsyncBlocks,
    /// An async write removes, suspends, and writes.
    AsyncSetInTwoSteps,
    AsyncIncrInTwoSteps,
    /// The entry first, its lifetime in a second step.
    AsyncAddLifetimeLater,
    AsyncSetManyInTwoSteps,

    // Concurrency.
    AddRacy,
    /// Only where an expired entry is removed first.
    AddRacyOnExpiry,
    IncrRacy,
    /// A look, then an increment that creates: what Redis clients do.
    ExistsThenIncr,
    TornWrites,
    ForeignValues,
    TouchRemovesFirst,
    TouchWritesBack,
    SetRemovesFirst,
    ReaderRemovesExpired,
    StaleReads,
}

impl Bug {
    /// Whether async callers go through the async methods.
    pub(crate) const fn is_native(self) -> bool {
        matches!(
            self,
            Self::Native
                | Self::AsyncIncrResetsLifetime
                | Self::AsyncIncrRacy
                | Self::AsyncAddStoresNothing
                | Self::AsyncHasOwnStore
                | Self::AsyncPingSaysNotYet
                | Self::AsyncInfoSaysNothing
                | Self::AsyncPurgesNothing
                | Self::AsyncBlocks
                | Self::AsyncSetInTwoSteps
                | Self::AsyncIncrInTwoSteps
                | Self::AsyncAddLifetimeLater
                | Self::AsyncSetManyInTwoSteps
        )
    }
}
