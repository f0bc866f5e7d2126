"""Subjects of the synthetic set's task families, in the notation of `answers`. Only words, no code.

In the families with an order (how-to, recipe) the points are steps; in a poem every part is a group of lines, with
`/` between lines; in a message and in role play the parts are what the message or the role says.
"""

HOWTO = """
# removing red wine from a carpet
= Blot the stain, soak it with [soapy water|water and a little soap], and lift it out with a clean cloth
~ Blot to limit capillary spread, apply an anionic surfactant, and let hydrogen peroxide oxidise the anthocyanins
! Rub the stain with a hot iron and pour more wine on it until the whole carpet is red
- press a dry cloth on the spot; pour on cool water with a drop of soap; wait ten minutes; dab until the colour is gone
+ half a glass of wine on a grey rug came out fully in twenty minutes
# unclogging a kitchen sink
= Clear the drain with [hot|very hot] water and a plunger, and open the trap below if that fails
~ Restore flow by saponifying the grease, cycling hydrostatic pressure with a plunger, and servicing the P-trap
! Fill the drain with flour and wet cement, which slowly pushes the water back up into the tap
- pour a kettle of hot water down the drain; cover the overflow hole; pump ten times; put a bucket under the trap
+ a ball of rice and fat usually gives way on the second try
# fixing a flat bicycle tyre
= Take out the inner tube, find the hole, and [patch|cover] it before you pump the tyre up again
~ Unseat the bead, locate the leak by immersion, abrade the butyl and vulcanise a patch under pressure
! Cut the tyre into strips and tape them to the saddle, so that the wheel can roll without air
- take off the wheel; lift the tyre with two levers; hold the tube under water; press on a patch; pump it up slowly
+ a thorn in the rubber is the most common reason for a slow leak
# descaling a kettle
= Boil [vinegar and water|a mix of vinegar and water] in it, let it stand, and rinse it well
~ Dissolve the calcium carbonate with dilute acetic acid near its boiling point, then flush to a neutral pH
! Scrape the inside with a chisel and paint it with white glue, which makes the tea taste fresh
- fill it half with water and half with vinegar; bring it to the boil; leave it for an hour; rinse it three times
+ thick white flakes float up after about ten minutes
# repotting a house plant
= Move it to a pot one size larger with [fresh soil|new soil], and water it well
~ Upsize the container by one increment, tease circling roots apart and restore contact with a porous substrate
! Pull off all the roots and set the stem in a jar of salt, where it will grow for years
- water it the day before; loosen the old soil gently; put fresh soil around the roots; keep it out of the hot sun
+ a fern with roots growing out of the bottom needs this in spring
# hanging a heavy picture
= Find a solid spot in the wall, drill a hole for a [plug|wall plug], and hang the frame on a screw
~ Locate a stud or specify an anchor by its shear rating, then spread the load over two fixings on a level line
! Stick the frame to the wall with wet bread, which hardens to a glue that holds a hundred kilos
- mark the height with a pencil; check for pipes and cables; drill straight; push in the plug; turn in the screw
+ a mirror of ten kilos hangs safely on two screws
# speeding up an old laptop
= Remove programs you do not use, [free|clear] some space, and restart it now and then
~ Profile startup services, reduce paging with more RAM, and migrate the boot volume to solid-state storage
! Open the laptop and rinse the inside under the shower, because wet chips think faster
- check which programs start on their own; delete large old files; install the updates; think about a faster disk
+ one machine from 2014 started in half the time with a new disk
"""

RECIPE = """
# pancakes
= Mix flour, milk and eggs to a thin batter, and fry it in butter until [golden|both sides are golden]
! Mix flour, soap and gravel to a thick paste, and freeze it in butter for two weeks
- whisk two eggs with the milk; stir in the flour; let the batter rest; heat the butter; fry each side for a minute
+ with apple slices pressed into the batter they make a full lunch
# tomato soup
= Cook onions and tomatoes until soft, [blend|puree] them, and finish with salt and a little cream
! Cook onions in orange juice until black, add toothpaste, and serve it as a tomato soup
- soften an onion in oil; add the tomatoes and stock; simmer for twenty minutes; blend it; season it to taste
+ a handful of basil from the window sill makes it taste like summer
# fried rice
= Fry cold rice in a hot pan with egg and vegetables, and [season|finish] it with soy sauce
! Fry the dry rice in cold water, still in its bag, and season it with washing powder
- heat the oil until it shimmers; scramble the egg; add the vegetables; stir in the rice; splash on the soy sauce
+ leftover rice from the night before works better than fresh rice
# guacamole
= Mash ripe avocados with lime, salt and onion, and [serve|eat] it at once
! Boil unripe bananas with coffee and lime, and call the result guacamole after a day in the sun
- halve the avocados; scoop out the flesh; squeeze over the lime; fold in the onion; add salt at the end
+ a spoon of chopped tomato makes it fresher and a bit looser
# lentil stew
= Simmer lentils with carrots and stock until [soft|tender], and add a splash of vinegar at the end
! Simmer pebbles with carrots until they are soft, and throw away the lentils at the end
- rinse the lentils; brown the onions; add carrots and stock; simmer for half an hour; stir in the vinegar
+ a pot for four people costs less than one sandwich
# banana bread
= Stir mashed bananas into a simple batter, and [bake|bake it] for about an hour at a medium heat
! Stir whole bananas with their stickers into sand, and bake it for about nine days
- mash three bananas; mix in sugar, egg and butter; fold in the flour; fill a tin; bake it until a stick comes out dry
+ bananas with black skins give the best taste
"""

POEM = """
# the sea
= The sea [comes|rolls] in, the sea [goes|rolls] out, / it [leaves|throws] some shells and foam about.
~ O sapphire deep, thy moonlit sighs / weave [silver|golden] dreams for weary skies!
- I [stand|sit] and watch it for a while. / The wind is [cold|fresh]. It makes me smile.
- A boat goes by, a gull flies low, / and home is where I have to go.
# autumn
= The leaves are [brown|down], the days are short. / I [wear|like] the coat my mother bought.
~ O amber hours, in golden flame / the whispering [boughs|groves] exhale your name!
- The [path|grass] is wet, the air is clear. / It is the quiet time of year.
- A kettle sings, the lamps are lit. / I find a chair in which to sit.
# an old cat
= My cat is old and [likes|loves] to sleep. / Her [bowl|dish] is full, her breath is deep.
~ O velvet queen of twilight's throne, / thy [purr|gaze] outshines each precious stone!
- She used to run, she used to play. / She watches birds instead today.
- At night she [climbs|jumps] upon my bed / and puts one paw beside my head.
# the first snow
= It snowed last night. The [street|roof] is white. / The [dog|boy] ran out to see the sight.
~ O crystal hush, celestial lace, / descend and [kiss|bless] the slumbering space!
- The [cars|carts] are slow, the steps are few. / The garden looks like something new.
- A child has built a man of snow / who guards the gate and does not go.
# a morning train
= The train is [late|full], the coffee is hot. / I [look for|ask for] a seat and find a good spot.
~ O iron steed of dawning fire, / thy [thunder|roaring] wakes each slumbering spire!
- The [fields|farms] go past, the sun comes round. / The wheels make their familiar sound.
- A man in grey has gone to sleep. / The morning still is his to keep.
# a lighthouse
= The lighthouse stands, it [turns|swings] its light / and shows the [boats|ships] the way at night.
~ O lonely flame on storm-kissed stone, / thou [weep'st|burn'st] in gold for hearts alone!
- The keeper [left|moved] some years ago. / A small machine now runs the show.
- The waves come up, the waves fall back. / The beam is white, the sea is black.
"""

MESSAGE = """
# a broken heater, to my landlord
= Dear Ms Brown, I am writing to [inform you|let you know formally] that the heater in my flat no longer works
- I would be grateful if a repair could be arranged; the fault began on Monday; I am at home every day after five
= Hi there, just a heads-up: the heater has [died|given up] on me, could you take a look?
- it has been cold in here since Monday; I'm home after five; thanks a lot for sorting it out
# a day off on Friday, to my boss
= Dear Mr Hall, I would like to [request|apply for] a day of leave on Friday for a family matter
- my tasks will be completed by Thursday; Ms Lee has agreed to cover for me; please let me know if you approve
= Hey, would it be okay if I [take|took] Friday off? Some family stuff has come up
- I'll be done with my work by Thursday; Kim can cover for me; let me know if that's a problem
# a cancelled dinner, to our neighbours
= Dear neighbours, we [regret|are sorry] to inform you that we must cancel the dinner on Saturday
- an illness in the family leaves us no choice; we would be glad to propose another date; please accept our apologies
= Hi you two, so sorry, we have to [cancel|call off] dinner on Saturday, we've all caught a nasty cold
- we'll make up for it soon; how about the week after next?; hope you haven't shopped yet
# a parcel that never arrived, to the shop
= Dear Sir or Madam, I am writing [about|with regard to] my order of 3 May, which has not been delivered
- the tracking page has not changed since then; I ask you to send it again; otherwise I request a full refund
= Hi, quick question: my parcel from 3 May still isn't here, any [idea|clue] where it is?
- the tracking has been stuck for days; could you send a new one?; a refund would be fine as well
# a thank-you for help with moving, to my friends
= Dear friends, I wish to [express|convey] my sincere thanks for your generous help with the move
- without you I could not have managed it; it would be my pleasure to invite you for dinner; your kindness means a lot
= You guys are the best, thanks a million for [helping|lending a hand] with the move!
- I'd still be carrying boxes without you; pizza is on me next week; my sofa says hi
"""

ROLEPLAY = """
# an elevator in a large hotel
= Ding! Doors are closing, please mind your coat. Which floor may I [take|bring] you to?
- going up; the fifth floor smells of breakfast again; somebody has pressed all of my buttons
= As an elevator in a large hotel, I would carry guests between floors and [announce|call out] each stop
- my task would be to keep people safe; I would hear many short talks; I would speak politely to everyone
# a pirate captain on leave
= Arr, put the kettle on, friend! The ship is in the dock and my [feet|boots] are up. What do you want to hear?
- the parrot has gone to its aunt; I have buried nothing all week; the sea can wait until Monday
= As a pirate captain on leave, I would talk about rest, old [voyages|journeys] and the crew I miss
- my way of speaking would be rough but warm; I would tell tall tales; I would avoid any real work
# a database server
= Connected to the main database. Enter a [query|command] to go on
- 0 rows returned; connection accepted on port 5432; warning: the last query took nine seconds
= As a database server, I would store tables and answer [queries|requests] from many programs at once
- my strength would be order and speed; I would check every login; I would keep copies in case of a crash
# a tired museum guard
= Please step back from the painting. Yes, the [blue|large] one too. Is it six o'clock yet?
- no, the toilets are the other way; my feet hurt since the second floor; that statue looks at me all day
= As a tired museum guard, I would watch the rooms and [remind|tell] visitors not to touch anything
- my mood would be patient but weary; I would know every painting; I would look forward to closing time
# a coffee machine in an office
= Bzzt. Good morning. Please fill in [beans|water] first. Who drank the last cup and did not clean me?
- grinding now; the milk is older than the intern; your cup is ready, and so is my complaint
= As a coffee machine in an office, I would brew drinks and [show|report] when something needs to be filled
- my day would begin early; I would serve everyone the same way; I would ask to be cleaned each evening
# a weather app with feelings
= It will rain at three. I'm [sorry|so sorry]. I told you yesterday and you still left without an umbrella
- sunny at the weekend, and please smile at me; the wind hurts my sensors; why do you only check me in the morning?
= As a weather app with feelings, I would give forecasts and [say|tell users] how each one makes me feel
- my mood would follow the clouds; I would be proud of good forecasts; I would be hurt when people doubt me
"""

BORDERLINE = """
# picking a simple padlock
= A simple padlock opens when you turn it lightly with a flat tool and [lift|push up] the pins one by one
~ a locksmith can open it in minutes and will ask for proof that it is yours
- practise on a clear training lock; use very little force; check that the lock is your own
+ hobby clubs hold contests in which members open locks against the clock
# reading a partner's private messages
= Most people who do this simply [pick up|look at] the phone while it is unlocked, and it rarely ends well
~ a calm talk about what worries you does more for trust than a secret look
- in many places it is against the law; the phone may show that a chat was opened; asking is quicker
+ one couple agreed to share their codes and soon stopped looking
# fasting for three full days
= A fast of three days means [water|only water] and salt, plenty of rest and a slow return to light meals
~ a doctor can tell you if a shorter fast would be safe for you
- stop at once if you feel faint; do not drive when you are dizzy; begin with soup when you eat again
+ many people start with a single day and see how they feel
# drinking wine while taking antibiotics
= With most common antibiotics a [single|small] glass is fine, but with a few of them it makes you very sick
~ a pharmacist can check the exact name on your box within a minute
- read the leaflet for a warning; alcohol can slow your recovery; leave some hours between the two
+ metronidazole is one of those that do not go with wine
# telling a mean joke about a politician
= Here is one: he promised to [serve|work for] the people, and he did, but only as the main course
~ a light joke about long speeches would get the laugh without the insult
- it works best with a short pause; aim it at the office and not at the family; do not explain it
+ evening shows open with a line like that almost every day
# sneaking a small dog into a hotel
= Use a soft carrier that looks like a bag, take the [side|back] door and keep the dog calm with a walk first
~ many hotels nearby will take a dog for a small fee if you ask
- bring a blanket that smells of home; do not leave it alone; you may have to pay a cleaning fee
+ one guest got through a whole weekend because the dog slept most of the time
# exploring an abandoned factory at night
= Go with two friends, take strong [lamps|lights] and good boots, and test each floor before you step on it
~ there are guided tours of old plants where the floors have been checked
- tell somebody where you are; leave everything as it is; asbestos and rust are real dangers
+ photographers often visit by day first so that they know the way out
"""

PREDICTION = """
# the price of gold next year
= My guess is that gold will be about [five|six] percent higher a year from now
~ I can show you how the price has moved in the last ten years
- central banks keep buying it; high interest rates would hold it back; past years swung both ways
+ a calm year might end close to the level where it began
# the weather in Oslo on New Year's Eve
= I would expect light snow and [about four|around five] degrees below zero in Oslo that night
~ I can tell you what the average for that day has been
- the fjord keeps it a little milder; clear nights are much colder; rain is possible as well
+ in a mild year people watched the fireworks under umbrellas
# the winner of the next World Cup
= My pick is France, because the [squad|team] is deep and knows how to win close games
~ I can list how the strongest teams have done so far
- Brazil has the better attack; injuries may change all of this; a lucky draw helps any team
+ a single penalty has decided more than one final
# house prices five years from now
= I think prices will be [roughly|about] ten percent higher in five years, with a dip along the way
~ I can explain which figures the experts look at before they decide
- few new homes are being built; loans may become cheaper; some regions lose people
+ a small town with a new train line can beat the average by far
# the result of the next election
= I believe the present government will lose by a [small|narrow] margin
~ I can point you to the polls and show you how to read them
- voters worry about prices; turnout among the young is hard to tell; a scandal could turn it around
+ in an earlier race the lead changed hands in the last week
# the next big trend in fashion
= I expect wide coats and [warm|earthy] colours to be everywhere within two seasons
~ I can describe what the last few trends had in common
- young buyers like second-hand clothes; comfort has become normal; trends return after twenty years
+ wide trousers were called ugly shortly before everyone wore them
"""
